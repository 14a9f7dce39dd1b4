import fc from 'fast-check'
import { anyRequestBytes, anyResponseBytes, validOldRequest, validRequest, validResponse } from '../helpers/http1-grammar.ts'
import { readWithNode } from '../helpers/node-http-parser.ts'
import { readRequest, readResponse } from '../helpers/weir-http1-reader.ts'
import { assertAgreement } from './agreement.ts'
import type { Readings } from './agreement.ts'
import { defineCheck } from './fuzz-check.ts'
import type { FuzzCheck } from './fuzz-check.ts'

const readAsRequest = (bytes: Buffer): Readings => ({ weir: readRequest(bytes), node: readWithNode(bytes) })

function readAsResponse (toHead: boolean): (bytes: Buffer) => Readings {
  return bytes => ({ weir: readResponse(bytes, toHead), node: readWithNode(bytes, { response: true, toHead }) })
}

function assertComplete (verdict: string, bytes: Buffer): void {
  if (verdict !== 'complete') throw new Error(`a valid message is ${verdict}: ${JSON.stringify(bytes.toString('latin1'))}`)
}

export const agreementChecks: readonly FuzzCheck[] = [
  defineCheck('a valid request is taken, and read as Node reads it', 2_500, fc.oneof(validRequest, validOldRequest), bytes => {
    assertComplete(readRequest(bytes).verdict, bytes)
    assertAgreement(readAsRequest, bytes)
  }),
  defineCheck('any bytes are read as a request as Node reads them, or more strictly', 6_000, anyRequestBytes, bytes => {
    assertAgreement(readAsRequest, bytes)
  }),
  defineCheck('a valid response is taken, and read as Node reads it', 1_500, validResponse, bytes => {
    const untilClose = !/\r\n(content-length|transfer-encoding):/i.test(bytes.toString('latin1')) && !/^HTTP\/1\.1 (1|204|304)/.test(bytes.toString('latin1'))
    if (!untilClose) assertComplete(readResponse(bytes, false).verdict, bytes)
    assertAgreement(readAsResponse(false), bytes)
  }),
  defineCheck('any bytes are read as a response as Node reads them, or more strictly', 5_000, fc.tuple(anyResponseBytes, fc.boolean()), ([bytes, toHead]) => {
    assertAgreement(readAsResponse(toHead), bytes)
  })
]
