import Glibc

/// A moment in UTC, in milliseconds since 1970, as documents carry it in `createdAt` and `updatedAt`.
public struct Timestamp: Sendable, Hashable, Comparable {
  public let milliseconds: Int64

  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  /// The host's clock now.
  public static func now() -> Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec / 1_000_000))
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

extension Timestamp: CustomStringConvertible {
  /// ISO 8601 as JavaScript writes it: `2026-11-23T08:44:06.123Z`.
  public var description: String {
    let moment = civil
    guard moment.hasUsualYear else { return text(moment) }
    return String(unsafeUninitializedCapacity: Self.usualLength) { text in
      if let start = text.baseAddress { write(moment, to: start) }
      return Self.usualLength
    }
  }

  /// The characters of ``description``; there are more before the year 0 and after the year 9999.
  package static let usualLength = 24

  /// Writes ``description``, where it has ``usualLength`` characters.
  ///
  /// - Returns: false where it has not, and nothing is written.
  package func write(to text: UnsafeMutablePointer<UInt8>) -> Bool {
    let moment = civil
    if moment.hasUsualYear { write(moment, to: text) }
    return moment.hasUsualYear
  }

  private struct Civil {
    let year, month, day: Int64
    /// Milliseconds since midnight.
    let time: Int64
    var hasUsualYear: Bool { year >= 0 && year <= 9999 }
  }

  /// Days to civil date after Howard Hinnant, "chrono-compatible low-level date algorithms", 2013.
  private var civil: Civil {
    let (days, time) = floorDivide(milliseconds, 86_400_000)
    let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return Civil(
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
      day: dayOfYear - (153 * shifted + 2) / 5 + 1, time: time)
  }

  private func write(_ moment: Civil, to text: UnsafeMutablePointer<UInt8>) {
    var end = 0
    func add(_ value: Int64, _ width: Int, _ separator: Unicode.Scalar) {
      var value = value
      for digit in (end..<end + width).reversed() {
        text[digit] = UInt8(48 + value % 10)
        value /= 10
      }
      text[end + width] = UInt8(ascii: separator)
      end += width + 1
    }
    add(moment.year, 4, "-")
    add(moment.month, 2, "-")
    add(moment.day, 2, "T")
    add(moment.time / 3_600_000, 2, ":")
    add(moment.time / 60_000 % 60, 2, ":")
    add(moment.time / 1000 % 60, 2, ".")
    add(moment.time % 1000, 3, "Z")
  }

  /// As ``description``, for years of other than four digits.
  private func text(_ moment: Civil) -> String {
    digits(moment.year, 4) + "-" + digits(moment.month, 2) + "-" + digits(moment.day, 2) + "T"
      + digits(moment.time / 3_600_000, 2) + ":" + digits(moment.time / 60_000 % 60, 2) + ":"
      + digits(moment.time / 1000 % 60, 2) + "." + digits(moment.time % 1000, 3) + "Z"
  }

  private func digits(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}

extension Timestamp {
  /// Reads an ISO 8601 moment: a date, `T`, a time with up to nine digits of a fraction or none, and `Z` or how far
  /// the place's clock is ahead, as `+01:00`. Nil for anything else.
  public init?(_ text: String) {
    // Most texts are none, and are told so without a look at their letters.
    guard Self.lengths.contains(text.utf8.count) else { return nil }
    var text = text
    guard let found = text.withUTF8({ Timestamp(utf8: $0) }) else { return nil }
    self = found
  }

  private static let lengths = 20...35

  /// Reads a moment from the bytes of a text.
  package init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
    guard Self.lengths.contains(bytes.count) else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[range] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int64(byte - 48)
      }
      return value
    }
    guard bytes[4] == 45, bytes[7] == 45, bytes[10] == UInt8(ascii: "T"), bytes[13] == 58, bytes[16] == 58,
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var place = 19
    var fraction: Int64 = 0
    if bytes[place] == UInt8(ascii: ".") {
      let start = place + 1
      place = start
      while place < bytes.count, bytes[place] >= 48, bytes[place] <= 57 {
        if place - start < 3 { fraction = fraction * 10 + Int64(bytes[place] - 48) }
        place += 1
      }
      guard (1...9).contains(place - start) else { return nil }
      for _ in (place - start)..<max(3, place - start) { fraction *= 10 }
    }
    var ahead: Int64 = 0
    switch bytes.count - place {
    case 1: guard bytes[place] == UInt8(ascii: "Z") else { return nil }
    case 6:
      let isAhead = bytes[place] == UInt8(ascii: "+")
      guard isAhead || bytes[place] == UInt8(ascii: "-"), bytes[place + 3] == 58,
        let hours = number(place + 1..<place + 3), let minutes = number(place + 4..<place + 6), hours < 24,
        minutes < 60
      else { return nil }
      ahead = (hours * 60 + minutes) * (isAhead ? 60_000 : -60_000)
    default: return nil
    }
    let shiftedYear = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivide(shiftedYear, 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    self.init(
      milliseconds: days * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction - ahead)
  }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
  let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}
