import Glibc
import MaquetteSystem
import Synchronization

/// What a client sent.
package struct ServerRequest: Sendable {
  package let method: String
  /// Decoded, without the slashes.
  package let path: [String]
  /// What stands behind the question mark, as it came.
  package let query: String
  /// By their names in small letters.
  package let headers: [String: String]
  package let body: [UInt8]

  /// The first line without the version: `GET /s?y=a`.
  package let line: String
}

/// What a server does with a request.
package enum ServerReply: Sendable {
  case answer(status: Int, body: [UInt8], contentType: String = "application/json", headers: [String] = [])
  /// These bytes and no others; then the connection is closed.
  case raw([UInt8])
  /// The connection is closed without a word.
  case hangUp
  /// Nothing comes, until the client goes away or the server stops.
  case silence
  /// These bytes, one after the other, with so many milliseconds between them.
  case slowly([UInt8], milliseconds: Int)
}

/// A small HTTP/1.1 server on a free port of this machine, with a thread for each connection.
package final class HTTPServer: Sendable {
  package let port: Int
  private let listener: Int32
  private let state = Mutex(State())

  private struct State {
    var connections: Set<Int32> = []
    var isStopped = false
    var accepted = 0
  }

  /// - Parameter handle: called by several threads at once.
  package init(port: Int = 0, _ handle: @escaping @Sendable (ServerRequest) -> ServerReply) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard listener >= 0, bound else {
      close(listener)
      throw MaquetteError(.inputOutput, "no server: \(describe(errno: errno))")
    }
    self.listener = listener
    self.port = Int(UInt16(bigEndian: address.sin_port))
    try Thread.start("test-server") { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        guard self?.note(connection) == true else {
          close(connection)
          return
        }
        try? Thread.start("test-connection") { [weak self] in
          Self.serve(connection, handle)
          self?.forget(connection)
          close(connection)
        }
      }
    }
  }

  package var location: String { "http://127.0.0.1:\(port)" }
  /// How many connections there were.
  package var accepted: Int { state.withLock { $0.accepted } }

  /// Ends the server and all its connections.
  package func stop() {
    state.withLock { state in
      guard !state.isStopped else { return }
      state.isStopped = true
      shutdown(listener, Int32(SHUT_RDWR))
      close(listener)
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
    }
  }

  deinit { stop() }

  private func note(_ connection: Int32) -> Bool {
    state.withLock { state in
      guard !state.isStopped else { return false }
      state.accepted += 1
      state.connections.insert(connection)
      return true
    }
  }

  private func forget(_ connection: Int32) { state.withLock { _ = $0.connections.remove(connection) } }

  // MARK: A connection

  private static func serve(_ connection: Int32, _ handle: (ServerRequest) -> ServerReply) {
    var yes: Int32 = 1
    setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    var buffer: [UInt8] = []
    while let request = read(connection, &buffer) {
      switch handle(request) {
      case .answer(let status, let body, let contentType, let headers):
        var text =
          "HTTP/1.1 \(status) Status\r\nContent-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
        for header in headers { text += header + "\r\n" }
        guard write(connection, Array((text + "\r\n").utf8) + body) else { return }
      case .raw(let bytes):
        _ = write(connection, bytes)
        return
      case .hangUp: return
      case .silence:
        var byte: UInt8 = 0
        while recv(connection, &byte, 1, 0) > 0 {}
        return
      case .slowly(let bytes, let milliseconds):
        for byte in bytes {
          guard write(connection, [byte]) else { return }
          usleep(UInt32(milliseconds * 1000))
        }
        return
      }
    }
  }

  private static func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private static func read(_ connection: Int32, _ buffer: inout [UInt8]) -> ServerRequest? {
    let end: [UInt8] = [13, 10, 13, 10]
    var searched = 0
    var head: Int?
    while head == nil {
      if buffer.count >= 4 {
        head = (searched...(buffer.count - 4)).first { buffer[$0] == 13 && Array(buffer[$0..<$0 + 4]) == end }
        searched = max(0, buffer.count - 3)
      }
      if head == nil { guard receive(connection, &buffer) else { return nil } }
    }
    guard let head else { return nil }
    let lines = String(decoding: buffer[..<head], as: UTF8.self).split(separator: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
    }
    let first = (lines.first ?? "").split(separator: " ")
    guard first.count == 3 else { return nil }
    let length = Int(headers["content-length"] ?? "0") ?? 0
    while buffer.count < head + 4 + length { guard receive(connection, &buffer) else { return nil } }
    let body = Array(buffer[(head + 4)..<(head + 4 + length)])
    buffer.removeFirst(head + 4 + length)
    let target = first[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    return ServerRequest(
      method: String(first[0]), path: target[0].split(separator: "/").map { percentDecoded(String($0)) },
      query: target.count > 1 ? String(target[1]) : "", headers: headers, body: body,
      line: "\(first[0]) \(first[1])")
  }

  private static func receive(_ connection: Int32, _ buffer: inout [UInt8]) -> Bool {
    var block = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(connection, &block, block.count, 0)
    guard count > 0 else { return false }
    buffer += block[..<count]
    return true
  }
}

/// A text out of a URL.
package func percentDecoded(_ text: String) -> String {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "%"), rest.count >= 2,
      let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
    {
      bytes.append(value)
      rest = rest.dropFirst(2)
    } else {
      bytes.append(byte == UInt8(ascii: "+") ? 32 : byte)
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}
