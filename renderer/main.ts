/** The renderer's first step: a bridge to main, the workbench's state, and the page. */
import './jitless.ts'
import { mount } from 'svelte'
import App from './App.svelte'
import { openBridge } from './api.ts'
import { Workbench } from './state/workbench.svelte.ts'
import './ui/tokens.css'

const workbench = new Workbench(openBridge)
mount(App, { target: document.getElementById('app')!, props: { workbench } })
