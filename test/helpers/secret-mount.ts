import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** A directory that changes as the kubelet changes a mounted Secret: by a swap of its link `..data`. */
export class SecretMount {
  readonly directory: string
  #generation = 0

  constructor (directory: string) {
    this.directory = directory
  }

  /** The path of a file as a configuration names it. */
  file (name: string): string {
    return path.join(this.directory, name)
  }

  /** Puts these files in the place of those before, by their name and where their content is. */
  async put (files: Readonly<Record<string, string>>): Promise<void> {
    const before = `..${this.#generation}`
    const now = `..${++this.#generation}`
    await mkdir(this.file(now), { recursive: true })
    for (const [name, source] of Object.entries(files)) await writeFile(path.join(this.file(now), name), await readFile(source))
    await symlink(now, this.file('..new'))
    await rename(this.file('..new'), this.file('..data'))
    for (const name of Object.keys(files)) await symlink(path.join('..data', name), this.file(name)).catch(() => {})
    await rm(this.file(before), { recursive: true, force: true })
  }
}
