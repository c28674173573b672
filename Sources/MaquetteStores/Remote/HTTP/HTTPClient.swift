import Glibc
import MaquetteSystem
import Synchronization

/// Sends requests to one server, over connections that stay open, and tries again what may be tried again.
final class HTTPClient: Sendable {
  /// The server as messages name it.
  private let server: String
  /// Milliseconds a call may take, with all it tries.
  private let timeout: Int
  private let idle = Mutex<[CurlConnection]>([])

  /// Connections that are kept for later; more are used where more threads ask at once.
  private static let largestIdle = 8
  private static let attempts = 4
  /// Milliseconds to wait before the second attempt, twice as many before each after it.
  private static let firstPause = 40

  /// - Throws: ``MaquetteError/Code/unsupported`` where there is no libcurl.
  init(server: String, timeout: Int) throws(MaquetteError) {
    self.server = server
    self.timeout = timeout
    idle.withLock { $0 = [] }
    keep(try CurlConnection())
  }

  /// Sends a request and waits for its answer, whatever its status.
  ///
  /// What the server can't have seen, what it refuses to look at now, and what may be done twice is tried again, at
  /// growing intervals, within the time.
  ///
  /// - Throws: ``MaquetteError/Code/timeout``, ``MaquetteError/Code/inputOutput`` with the location as its name.
  func send(_ request: HTTPRequest) throws(MaquetteError) -> HTTPResponse {
    let deadline = Deadline(milliseconds: Int64(timeout))
    var isRepeated = false
    var attempt = 1
    while true {
      let left = deadline.millisecondsLeft
      let outcome: Result<HTTPResponse, HTTPFailure>
      let connection: CurlConnection
      if let kept = idle.withLock({ $0.popLast() }) {
        connection = kept
      } else {
        connection = try CurlConnection()
      }
      do throws(HTTPFailure) {
        outcome = .success(try connection.send(request, timeout: left))
        keep(connection)
      } catch {
        // What is left of a broken exchange goes with its connection.
        outcome = .failure(error)
      }
      guard attempt < Self.attempts, let wish = Self.pause(before: attempt + 1, request.method, outcome),
        wish < deadline.millisecondsLeft
      else {
        var response = try outcome.mapError { error($0) }.get()
        response.isRepeated = response.isRepeated || isRepeated
        return response
      }
      if case .failure(let failure) = outcome, failure.kind == .broken { isRepeated = true }
      Log.info("\(request.method.rawValue) \(request.url) is tried again in \(wish) ms")
      Deadline(milliseconds: Int64(wish)).sleep()
      attempt += 1
    }
  }

  private func keep(_ connection: CurlConnection) {
    idle.withLock { if $0.count < Self.largestIdle { $0.append(connection) } }
  }

  /// How many milliseconds to wait before trying again; nil: never.
  private static func pause(
    before attempt: Int, _ method: HTTPRequest.Method, _ outcome: Result<HTTPResponse, HTTPFailure>
  ) -> Int? {
    let usual = firstPause << (attempt - 2)
    switch outcome {
    case .failure(let failure):
      switch failure.kind {
      case .unreachable: return usual
      case .broken: return method.isIdempotent ? usual : nil
      case .timeout, .tooLarge, .untrusted: return nil
      }
    case .success(let response):
      switch response.status {
      // Too many requests: this one was not looked at.
      case 429: return wanted(response, usual)
      // A gateway can't tell what became of it.
      case 502, 503, 504: return method.isIdempotent ? wanted(response, usual) : nil
      default: return nil
      }
    }
  }

  private static func wanted(_ response: HTTPResponse, _ usual: Int) -> Int {
    max(usual, min(max(0, response.retryAfter ?? 0), 3600) * 1000)
  }

  private func error(_ failure: HTTPFailure) -> MaquetteError {
    switch failure.kind {
    case .timeout:
      MaquetteError(
        .timeout, "\(server) gave no answer within \(timeout) ms: \(failure.message)", name: server)
    case .unreachable:
      MaquetteError(.inputOutput, "\(server) can't be reached: \(failure.message)", name: server)
    case .broken:
      MaquetteError(
        .inputOutput, "the connection to \(server) broke, or it speaks no HTTP: \(failure.message)",
        name: server)
    case .tooLarge:
      MaquetteError(
        .outOfMemory,
        "\(server) answers more than the \(HTTPRequest.usualLargestAnswer >> 20) MB that are taken at once",
        name: server)
    case .untrusted:
      MaquetteError(.inputOutput, "\(server) can't be trusted: \(failure.message)", name: server)
    }
  }
}

extension Deadline {
  /// Sleeps until then.
  func sleep() {
    guard case .at(var time) = self else { return }
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }

  /// Milliseconds until then; at least 0.
  var millisecondsLeft: Int {
    guard case .at(let time) = self else { return .max }
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return max(0, (time.tv_sec - now.tv_sec) * 1000 + (time.tv_nsec - now.tv_nsec) / 1_000_000)
  }
}
