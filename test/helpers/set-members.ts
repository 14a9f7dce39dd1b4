interface HasMembers<Member> {
  changeMembers (joined: readonly Member[], left: readonly Member[], nowMs: number): void
}

/** Says of lists of members, one after the other, what has come and gone since the one before. */
export function memberSetter (): <Member>(target: HasMembers<Member>, members: readonly Member[], nowMs: number) => void {
  const lists = new WeakMap<object, readonly unknown[]>()
  return (target, members, nowMs) => {
    const before = lists.get(target) as typeof members | undefined ?? []
    lists.set(target, members)
    target.changeMembers(members.filter(member => !before.includes(member)), before.filter(member => !members.includes(member)), nowMs)
  }
}
