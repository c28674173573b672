import MaquetteSystem
import Synchronization
import Testing

@Suite(.serialized) struct `The log` {
  @Test func `sends what is grave enough, and is silent again without a sink`() {
    let messages = Mutex<[String]>([])
    Log.set(level: .warning) { level, message in messages.withLock { $0.append("\(level) \(message)") } }
    Log.error("one")
    Log.warning("two")
    Log.info("three")
    Log.set(level: .debug, sink: nil)
    Log.error("four")
    #expect(messages.withLock { $0 } == ["error one", "warning two"])
  }

  @Test func `is told once of what fails in the same way again and again, and that it is over`() {
    let messages = Mutex<[String]>([])
    Log.set(level: .info) { level, message in messages.withLock { $0.append("\(level) \(message)") } }
    let warning = RecurringWarning()
    warning.succeeded("well")
    for message in ["locked", "locked", "gone", "gone", "locked"] { warning.failed(message) }
    for _ in 1...2 { warning.succeeded("well again") }
    warning.failed("locked")
    Log.set(level: .debug, sink: nil)
    #expect(
      messages.withLock { $0 } == [
        "warning locked", "warning gone", "warning locked", "info well again", "warning locked",
      ])
  }
}
