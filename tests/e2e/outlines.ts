/** The main parts of every step of a finished project as they are heard, in their order; nothing in here varies with a run. A dot stands for a colon, which YAML keeps for itself. */
import type { Place } from './person.ts'

const chart = `- figure:
    - heading [level=3]
    - button /^Table of/
    - button /^Save as SVG/
    - button /^Save as CSV/`

const within = (part: string): string => part.replaceAll('\n', '\n  ')

export const outlines: Readonly<Record<Exclude<Place, 'Export'>, string>> = {
  Model: `
- heading /is M0|is bundled/ [level=1]
- button /^Continue. the data$/
- region "Base model":
  - heading "Base model" [level=2]
- region "What the run costs":
  - button /Measure/
- region "What this machine computes on":
  - list`,
  Data: `
- heading /\\d+ prompts, about \\d+ for each of \\d+ rounds/ [level=1]
- button /^Continue. tune$/
- region "Files"
- region /First prompts of iteration/:
  - table`,
  Tune: `
- heading /M1 answers .* of the held-out questions right/ [level=1]
- button /^Continue. sample$/
- region "Training":
  - slider
  ${within(chart)}
  ${within(chart)}`,
  Sample: `
- heading /\\d+ responses to \\d+ prompts/ [level=1]
- button "Continue to Rank"
- region "Responses"
- region "How responses are drawn"
- region "Prompts":
  - combobox "Task"
  - grid "Prompts of this iteration"
- region "The selected prompt":
  - list`,
  Rank: `
- heading /Consistency of M1 and M2 is/ [level=1]
- button "Continue to the spot-check"
- region "Consistency":
  ${within(chart)}
- region "Rank another way":
  - group "How C softens the labels":
    - radio "average C"
    - radio "C per prompt" [checked]
    - radio "fixed C"
    - radio "SRLM"
  - combobox "Statistic"
  - spinbutton "Tie tolerance"
  - button "Use this ranking" [disabled]
- region "Prompts":
  - searchbox "Search"
  - combobox "Task"
  - combobox "Became"
  - combobox "C"
  - combobox "Order"
  - grid "Prompts of this iteration"
- region "The selected prompt":
  ${within(chart)}`,
  'Spot-check': `
- heading /People agree with M1 on .* of pairs/ [level=1]
- button "Continue to Train"
- region "What people said":
  ${within(chart)}
- region "Can C be believed?":
  ${within(chart)}
- region "How to read the figures"
- region "Review, unblinded"
- region "Spot-checks of this iteration":
  - region "Spot-checks"`,
  Train: `
- heading /^M3 is trained/ [level=1]
- button /^Continue. evaluate$/
- slider
- checkbox "Smooth"
${chart}
${chart}
${chart}`,
  Evaluate: `
- heading /M\\d/ [level=1]
- button "Export"
- region "Accuracy, and how far the judges agree":
  - group "Decoding":
    - radio "Greedy" [checked]
    - radio "Sampled"
  ${within(chart)}
  ${within(chart)}`,
  History: `
- heading [level=1]
- group "What is shown":
  - radio "Prompts" [checked]
  - radio "Compare projects"
  - radio "Compare branches"
- region "Prompts":
  - combobox "Iteration"
  - combobox "Verdicts"
  - grid "Prompts of this run"`,
  Settings: `
- heading "Settings of this workbench and of this run" [level=1]
- region "Appearance":
  - group "Theme":
    - radio "As the system" [checked]
    - radio "Light"
    - radio "Dark"
- region "The same from a terminal":
  - button "Copy"
- region "About"
- region "Devices"
- region "Keys of the spot-check":
  - table "Keys of the spot-check"
- heading "Settings of the run" [level=2]`,
}
