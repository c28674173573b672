import MaquetteFormats
import MaquetteSystem

/// A value to order by, taken apart once and not in every comparison.
enum SortValue: Sendable {
  case number(Double)
  case date(Int64)
  case text(String)
  case other(JSON?)

  init(_ path: FieldPath, in record: Record) {
    switch path.text {
    case "createdAt": self = .date(record.createdAt)
    case "updatedAt": self = .date(record.updatedAt)
    default:
      switch path.value(in: record) {
      case .number(let number): self = .number(number)
      case .string(let text): self = Timestamp(text).map { .date($0.milliseconds) } ?? .text(text)
      case let value: self = .other(value)
      }
    }
  }

  private var rank: Int {
    switch self {
    case .number: JSONOrder.rank(.number(0))
    case .date: JSONOrder.dateRank
    case .text: JSONOrder.textRank
    case .other(let value): JSONOrder.rank(value)
    }
  }

  func order(to other: SortValue) -> JSONOrder {
    switch (self, other) {
    case (.number(let left), .number(let right)): JSONOrder.compare(left, right)
    case (.date(let left), .date(let right)): JSONOrder.compare(left, right)
    case (.text(let left), .text(let right)): JSONOrder.compare(texts: left, right)
    case (.other(let left), .other(let right)): JSONOrder(left, to: right)
    default: JSONOrder.compare(rank, other.rank)
    }
  }
}
