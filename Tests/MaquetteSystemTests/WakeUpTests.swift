import Glibc
import MaquetteSystem
import Testing

@Suite struct WakeUpTests {
  @Test("waking ends the waiting of another thread, or the next")
  func woken() throws {
    let wakeUp = try WakeUp()
    wakeUp.wake()
    #expect(wakeUp.wait(milliseconds: 20_000))
    try Thread.start("waker") { wakeUp.wake() }
    #expect(wakeUp.wait(milliseconds: 20_000))
    #expect(!wakeUp.wait(milliseconds: 0))
  }

  @Test("what can be read from a descriptor ends the waiting, and is no waking")
  func descriptor() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let wakeUp = try WakeUp()
    try #require(write(ends[1], "x", 1) == 1)
    #expect(!wakeUp.wait(milliseconds: 20_000, or: ends[0]))
    wakeUp.wake()
    #expect(wakeUp.wait(milliseconds: 20_000, or: ends[0]))
  }
}
