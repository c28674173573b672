import Glibc

/// Which process this is, told so that another process can find out whether it still lives.
///
/// A process number alone is given away again; together with the moment its process began, and the machine it is on, it
/// is not.
package struct ProcessIdentity: Hashable, Sendable {
  /// The number of the process in its namespace.
  package let process: Int
  /// When it began, in the kernel's ticks since the machine was started.
  package let started: Int
  /// The start of the machine and the namespace that the number counts in; empty where the system doesn't tell.
  package let machine: String

  package init(process: Int, started: Int, machine: String) {
    self.process = process
    self.started = started
    self.machine = machine
  }

  /// This process.
  package static func current() -> ProcessIdentity {
    let process = Int(getpid())
    return ProcessIdentity(
      process: process, started: state(of: process)?.started ?? 0, machine: machineHere() ?? "")
  }

  /// Whether the process runs; nil where that can't be seen from here: it is on another machine or in another container,
  /// or the machine was started anew.
  package var isAlive: Bool? {
    guard !machine.isEmpty, process > 0, machine == Self.machineHere() else { return nil }
    guard let state = Self.state(of: process) else { return false }
    // One that was killed and whose parent has not asked yet is still listed.
    return state.started == started && state.letter != UInt8(ascii: "Z") && state.letter != UInt8(ascii: "X")
  }

  private static func machineHere() -> String? {
    guard let start = read("/proc/sys/kernel/random/boot_id") else { return nil }
    var name = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/self/ns/pid", &name, name.count)
    guard count > 0 else { return nil }
    let text =
      start.prefix { $0 > 32 } + [UInt8(ascii: " ")] + name.prefix(count).map { UInt8(bitPattern: $0) }
    return String(decoding: text, as: UTF8.self)
  }

  /// How a process is (R, S, Z, …) and when it began; nil where there is none of that number.
  private static func state(of process: Int) -> (letter: UInt8, started: Int)? {
    // The name, in parentheses, may hold anything; the state is behind the last one, the start is the 20th from there.
    guard let text = read("/proc/\(process)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")) else {
      return nil
    }
    let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
    guard fields.count > 19, let letter = fields[0].first,
      let started = Int(String(decoding: fields[19], as: UTF8.self))
    else { return nil }
    return (letter, started)
  }

  private static func read(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(file, &bytes, bytes.count)
    return count > 0 ? Array(bytes[..<count]) : nil
  }
}
