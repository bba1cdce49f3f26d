/** The renderer's first step: a bridge to main, the workbench's state, and the page. */
import { z } from 'zod'
import { mount } from 'svelte'
import App from './App.svelte'
import { openBridge } from './api.ts'
import { Workbench } from './state/workbench.svelte.ts'
import './ui/tokens.css'

z.config({ jitless: true }) // zod would otherwise try `new Function`, which the page's policy forbids

const workbench = new Workbench(openBridge)
mount(App, { target: document.getElementById('app')!, props: { workbench } })
