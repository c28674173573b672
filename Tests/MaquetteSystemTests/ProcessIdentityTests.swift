import Glibc
import Testing

@testable import MaquetteSystem

@Suite struct `The identity of a process` {
  @Test func `is that of a process that lives, for as long as it does`() {
    let here = ProcessIdentity.current()
    #expect(here == ProcessIdentity.current())
    #expect(here.process == Int(getpid()))
    #expect(here.started > 0)
    #expect(here.isAlive == true)
  }

  @Test func `is not that of another process that got its number`() {
    let here = ProcessIdentity.current()
    let earlier = ProcessIdentity(
      process: here.process, started: here.started - 1, machine: here.machine)
    #expect(earlier.isAlive == false)
  }

  @Test func `says nothing where the process can't be seen from`() {
    let here = ProcessIdentity.current()
    for machine in ["", "another machine", here.machine + "1"] {
      let there = ProcessIdentity(process: here.process, started: here.started, machine: machine)
      #expect(there.isAlive == nil)
    }
    for process in [0, -1, Int.min] {
      #expect(ProcessIdentity(process: process, started: 1, machine: here.machine).isAlive == nil)
    }
    #expect(ProcessIdentity(process: Int.max, started: 1, machine: here.machine).isAlive == false)
  }
}
