#!/usr/bin/env node
// The `weir` command. It is written in the JavaScript of Node 12 on purpose: an old Node must get as far as the check
// below and tell its user what to do, instead of failing with a syntax error.
'use strict'

var fs = require('fs')
var path = require('path')
var url = require('url')

var MINIMUM_NODE = 24

/** What to load: the build, or in a checkout that was not built the sources. */
function findMain () {
  var candidates = ['../dist/main.js', '../src/main.ts']
  for (var index = 0; index < candidates.length; index++) {
    var candidate = path.join(__dirname, candidates[index])
    if (fs.existsSync(candidate)) return candidate
  }
  return undefined
}

function fail (message) {
  process.stderr.write('weir: ' + message + '\n')
  process.exitCode = 1
}

/**
 * Until the program hears signals itself, which takes it a while to load, nothing is there that has to be drained: it ends in peace. Unheard,
 * a signal would end it as a failure, or as PID 1 be lost.
 */
function hearSignals () {
  ;['SIGTERM', 'SIGQUIT', 'SIGINT'].forEach(function (signal) {
    // What NODE_OPTIONS has loaded may listen too, and does not end the process.
    var others = process.listenerCount(signal)
    process.on(signal, function () {
      if (process.listenerCount(signal) > others + 1) return
      process.stderr.write('weir: ' + signal + ' came before weir was started\n')
      process.exit(0)
    })
  })
  ;['SIGHUP', 'SIGUSR1', 'SIGUSR2'].forEach(function (signal) {
    process.on(signal, function () {})
  })
}

function start () {
  if (process.argv[2] === 'run') hearSignals()
  if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE) {
    fail('Node ' + MINIMUM_NODE + ' or newer is needed and this is Node ' + process.versions.node +
      '; install a newer Node, or in a checkout of Weir use `npx weir` or `npm start`, which bring their own.')
    return
  }
  var main = findMain()
  if (main === undefined) {
    fail('neither dist/main.js nor src/main.ts is there; run `npm run build` in the checkout, or install the package again.')
    return
  }
  import(url.pathToFileURL(main).href).catch(function (error) {
    fail(error && error.stack ? error.stack : String(error))
  })
}

start()
