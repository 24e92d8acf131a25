// SPDX-License-Identifier: MIT
// What a click does in a flame graph: runs the scripts of an SVG over the frames that it is told of.
//
//     node svg_click.cjs SVG NUMBER...
//
// The frames are JSON on standard input: their data- attributes. Each NUMBER is a frame that is clicked on. Says
// of each frame, as it is then: x and width of its rectangle, its text, whether it is shown.
'use strict'
const fs = require('fs')
const vm = require('vm')

const [file, ...clicks] = process.argv.slice(2)
const scripts = [...fs.readFileSync(file, 'utf8').matchAll(/<script>([\s\S]*?)<\/script>/g)].map(match =>
  match[1].replace('<![CDATA[', '').replace(']]>', ''))

class Element {
  constructor(attributes) { this.attributes = attributes; this.style = {}; this.parts = {}; this.textContent = '' }
  getAttribute(name) { return this.attributes[name] }
  setAttribute(name, value) { this.attributes[name] = value }
  querySelector(name) { return (this.parts[name] = this.parts[name] || new Element({})) }
  addEventListener(name, heard) { this[name] = heard }
}
const frames = JSON.parse(fs.readFileSync(0, 'utf8')).map(attributes => new Element(attributes))
const context = vm.createContext({ document: { querySelectorAll: name => (name === 'g.w' ? frames : []) } })
for (const script of scripts) vm.runInContext(script, context)
for (const click of clicks) frames[click].click()
process.stdout.write(JSON.stringify(frames.map(frame => ({
  x: Number(frame.querySelector('rect').attributes.x), width: Number(frame.querySelector('rect').attributes.width),
  text: frame.querySelector('text').textContent, shown: frame.style.display !== 'none',
}))))
