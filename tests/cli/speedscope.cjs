// SPDX-License-Identifier: MIT
// Opens a file with the importer of the npm package speedscope, and says what it found.
//
//     node speedscope.cjs PACKAGE FILE
//
// The package is a bundle for a browser. It runs here with a document that does nothing; the importer is what
// speedscope calls itself with the bytes of a file that was dropped onto it.
'use strict'
const fs = require('fs')
const path = require('path')
const vm = require('vm')

const [directory, file] = process.argv.slice(2)
const release = path.join(directory, 'dist', 'release')
const bundle = fs.readdirSync(release).find(name => /^speedscope-.*\.js$/.test(name))
let source = fs.readFileSync(path.join(release, bundle), 'utf8')

// "...,importProfilesFromArrayBuffer:()=>name,...": the functions that it exports to itself.
const exported = /importProfilesFromArrayBuffer:\(\)=>([\w$]+)/.exec(source)
if (!exported) throw new Error(`${bundle} has no importer`)
source = source.replace(new RegExp(`async function ${exported[1].replace('$', '\\$')}\\(`), match => `globalThis.importer=(...all)=>${exported[1]}(...all);${match}`)

const nothing = () => new Proxy(function () {}, {
  get: (target, key) => (key === Symbol.toPrimitive ? () => '' : key === 'length' ? 0 : key === Symbol.iterator ? [][Symbol.iterator] : key === 'then' ? undefined : nothing()),
  apply: () => nothing(),
  construct: () => nothing(),
  set: () => true,
})
const context = {
  console, TextDecoder, TextEncoder, setTimeout: () => 0, clearTimeout: () => 0, URL, URLSearchParams, performance,
  requestAnimationFrame: () => 0, navigator: { userAgent: '', platform: '' }, location: { hash: '', protocol: 'file:', search: '' },
  document: nothing(), localStorage: nothing(), matchMedia: () => nothing(), addEventListener: () => {}, history: nothing(),
  Uint8Array, ArrayBuffer, Map, Set, Promise, Error, atob, btoa, fetch: () => new Promise(() => {}),
  Node: class {}, Element: class {}, HTMLElement: class {}, Image: class {},
}
context.window = context.self = context.globalThis = context
vm.createContext(context)
try { vm.runInContext(source, context, { filename: bundle }) } catch (error) { if (!context.importer) throw error }

const bytes = fs.readFileSync(file)
// Its modules are set up by then.
const ready = new Promise(resolve => setImmediate(resolve))
ready.then(() => context.importer(path.basename(file), bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))).then(group => {
  if (!group) throw new Error('speedscope knows no such file')
  const profiles = group.profiles.map(profile => {
    const stacks = []
    const walk = (node, above) => {
      const frames = above.concat([node.frame.name])
      if (node.getSelfWeight() > 0) stacks.push([frames, node.getSelfWeight(), node.frame.file || null, node.frame.line || null])
      node.children.forEach(child => walk(child, frames))
    }
    profile.getAppendOrderCalltreeRoot().children.forEach(child => walk(child, []))
    return { name: profile.getName(), unit: profile.getWeightUnit(), total: profile.getTotalWeight(), stacks }
  })
  process.stdout.write(JSON.stringify({ name: group.name, profiles }))
}).catch(error => { console.error(error); process.exit(1) })
