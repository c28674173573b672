import Glibc
import MaquetteSystem
import TestSupport
import Testing

@Suite struct FileWatchTests {
  private let directory = TemporaryDirectory()

  @Test("a file that is written to ends the waiting")
  func written() throws {
    let path = directory.path("file")
    writeFile(path, [1])
    let watch = try FileWatch()
    #expect(watch.add(path))
    #expect(!watch.takeChanges())
    try Thread.start("writer") { writeFile(path, [2, 3]) }
    watch.wait(milliseconds: 20_000)
    #expect(watch.takeChanges())
  }

  @Test("what is written while nobody waits ends the next waiting")
  func before() throws {
    let path = directory.path("file")
    writeFile(path, [1])
    let watch = try FileWatch()
    #expect(watch.add(path))
    writeFile(path, [2])
    watch.wait(milliseconds: 20_000)
    #expect(watch.takeChanges())
    #expect(!watch.takeChanges())
  }

  @Test("waking ends the waiting of another thread, or the next")
  func woken() throws {
    let watch = try FileWatch()
    watch.wake()
    watch.wait(milliseconds: 20_000)
    try Thread.start("waker") { watch.wake() }
    watch.wait(milliseconds: 20_000, ignoringChanges: true)
    #expect(!watch.takeChanges())
  }

  @Test("a file that is not there can't be watched")
  func missing() throws {
    #expect(try !FileWatch().add(directory.path("nothing")))
  }
}
