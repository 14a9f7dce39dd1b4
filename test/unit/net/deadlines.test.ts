import t from 'tap'
import { Deadlines, type Deadlined } from '../../../src/net/deadlines.ts'

class Member implements Deadlined {
  deadlineMs: number
  deadlineIndex = -1
  calls = 0
  readonly #onCall: () => void

  constructor (deadlineMs: number, onCall: () => void = () => {}) {
    this.deadlineMs = deadlineMs
    this.#onCall = onCall
  }

  onDeadline (): void {
    this.calls++
    this.#onCall()
  }
}

t.test('what is due is called once, what is not is not', async t => {
  const deadlines = new Deadlines()
  const members = [new Member(10), new Member(20), new Member(0), new Member(30)]
  for (const member of members) deadlines.add(member)
  deadlines.sweep(9)
  t.same(members.map(({ calls }) => calls), [0, 0, 0, 0])
  deadlines.sweep(20)
  t.same(members.map(({ calls }) => calls), [1, 1, 0, 0])
  deadlines.sweep(25)
  t.same(members.map(({ calls }) => calls), [1, 1, 0, 0])
  deadlines.sweep(1_000)
  t.same(members.map(({ calls }) => calls), [1, 1, 0, 1], 'no deadline is never due')
})

t.test('a member can set its next deadline when it is called', async t => {
  const deadlines = new Deadlines()
  const member: Member = new Member(10, () => { member.deadlineMs = 20 })
  deadlines.add(member)
  deadlines.sweep(10)
  deadlines.sweep(15)
  deadlines.sweep(20)
  t.equal(member.calls, 2)
})

t.test('members can be removed in any order, and twice', async t => {
  const deadlines = new Deadlines()
  const members = Array.from({ length: 5 }, () => new Member(1))
  for (const member of members) deadlines.add(member)
  for (const index of [2, 0, 4, 2, 0]) deadlines.remove(members[index] ?? new Member(0))
  t.equal(deadlines.size, 2)
  deadlines.sweep(1)
  t.same(members.map(({ calls }) => calls), [0, 1, 0, 1, 0])
  for (const member of members) deadlines.remove(member)
  t.equal(deadlines.size, 0)
})

t.test('a stranger is not removed in the place of a member', async t => {
  const deadlines = new Deadlines()
  deadlines.add(new Member(1))
  const stranger = new Member(1)
  stranger.deadlineIndex = 0
  deadlines.remove(stranger)
  t.equal(deadlines.size, 1)
})

t.test('members may remove themselves and others, and add some, during a sweep', async t => {
  const deadlines = new Deadlines()
  const members: Member[] = Array.from({ length: 20 }, (_, index) => new Member(1, () => {
    deadlines.remove(members[index] ?? new Member(0))
    deadlines.remove(members[(index * 7) % 20] ?? new Member(0))
    deadlines.add(new Member(0))
  }))
  for (const member of members) deadlines.add(member)
  deadlines.sweep(1)
  deadlines.sweep(1)
  t.ok(members.every(({ calls, deadlineIndex }) => calls === 1 || deadlineIndex === -1), 'each was called, or removed before')
  t.ok(members.every(({ calls }) => calls <= 1))
  t.equal(deadlines.size, members.reduce((sum, { calls }) => sum + calls, 0), 'only the new ones are left')
})

t.test('a snapshot stays as it is', async t => {
  const deadlines = new Deadlines()
  const member = new Member(1)
  deadlines.add(member)
  const snapshot = deadlines.snapshot()
  deadlines.remove(member)
  t.same(snapshot, [member])
})
