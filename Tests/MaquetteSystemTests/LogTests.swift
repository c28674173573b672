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
}
