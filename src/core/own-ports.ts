/**
 * The addresses and ports at which this Weir itself listens. An endpoint there would send a request round and round.
 */
import { networkInterfaces } from 'node:os'
import { type IpAddress, isLoopback, isWildcardFor, parseIp } from './socket-address.ts'

/** One place where Weir listens. */
export interface OwnPort {
  /** What messages call it. */
  readonly name: string
  readonly address: string
  readonly port: number
}

/** The addresses of this machine's interfaces, loopback included, as they are now. */
export function machineAddresses (): readonly string[] {
  return Object.values(networkInterfaces()).flatMap(entries => entries ?? []).flatMap(({ address }) => parseIp(address)?.address ?? [])
}

export class OwnPorts {
  readonly #byPort = new Map<number, Array<{ readonly name: string, readonly ip: IpAddress }>>()
  readonly #readMachine: () => readonly string[]
  #machine: ReadonlySet<string> | undefined

  /** @param readMachine asked once, and only if somebody asks for a port that is open on every address */
  constructor (ports: readonly OwnPort[], readMachine: () => readonly string[] = machineAddresses) {
    this.#readMachine = readMachine
    for (const { name, address, port } of ports) {
      const ip = parseIp(address)
      if (ip === undefined || port === 0) continue
      const there = this.#byPort.get(port) ?? []
      there.push({ name, ip })
      this.#byPort.set(port, there)
    }
  }

  /**
   * Who answers at an address and port.
   * @param address an IP address; the unspecified ones lead to this machine, as Linux takes them
   * @returns the name of the place; undefined when it is none of ours
   */
  at (address: string, port: number): string | undefined {
    const there = this.#byPort.get(port)
    const ip = there === undefined ? undefined : parseIp(address)
    if (there === undefined || ip === undefined) return undefined
    const target = ip.address === '0.0.0.0' ? LOOPBACK_4 : ip.address === '::' ? LOOPBACK_6 : ip
    return there.find(own => own.ip.address === target.address || (isWildcardFor(target, own.ip) && this.#isHere(target)))?.name
  }

  #isHere ({ address }: IpAddress): boolean {
    this.#machine ??= new Set(this.#readMachine())
    return isLoopback(address) || this.#machine.has(address)
  }
}

const LOOPBACK_4: IpAddress = { family: 'ipv4', address: '127.0.0.1' }
const LOOPBACK_6: IpAddress = { family: 'ipv6', address: '::1' }
