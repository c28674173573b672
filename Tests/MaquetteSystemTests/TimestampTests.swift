import MaquetteSystem
import Testing

@Suite struct `A timestamp` {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_795_423_446_123, "2026-11-23T08:44:06.123Z"),
    (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
  ])
  func `is written as JavaScript writes it, and read back`(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).description == text)
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test
  func `is written with more digits for years that need them, and not where there is no room for those`() {
    var room = [UInt8](repeating: 0, count: Timestamp.usualLength)
    for (milliseconds, text) in [
      (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
      (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
    ] {
      let moment = Timestamp(milliseconds: Int64(milliseconds))
      #expect(moment.description == text)
      let hasRoom = room.withUnsafeMutableBufferPointer { room in
        room.baseAddress.map { moment.write(to: $0) }
      }
      #expect(hasRoom == (text.count == Timestamp.usualLength))
      if hasRoom == true { #expect(String(decoding: room, as: UTF8.self) == text) }
    }
  }

  @Test func `reads seconds without fractions and more digits than it keeps`() {
    #expect(Timestamp("2026-11-23T08:44:06Z")?.milliseconds == 1_795_423_446_000)
    #expect(Timestamp("2026-11-23T08:44:06.123456Z")?.milliseconds == 1_795_423_446_123)
    #expect(Timestamp("2026-11-23T08:44:06.1Z")?.milliseconds == 1_795_423_446_100)
    #expect(Timestamp("2026-11-23T08:44:06.123999999Z")?.milliseconds == 1_795_423_446_123)
  }

  @Test func `reads how far a clock is ahead or behind`() {
    #expect(Timestamp("2026-11-23T08:44:06+00:00")?.milliseconds == 1_795_423_446_000)
    #expect(Timestamp("2026-11-23T14:14:06.5+05:30")?.milliseconds == 1_795_423_446_500)
    #expect(Timestamp("2026-11-22T20:44:06-12:00")?.milliseconds == 1_795_423_446_000)
  }

  @Test(arguments: [
    "", "2026", "2026-11-23", "2026-13-23T08:44:06Z", "2026-11-23T25:44:06Z", "2026-11-23 08:44:06Z",
    "2026-11-23T08:44:06", "2026-11-23T08:44:06.Zx", "2026-1a-23T08:44:06Z", "2026-11-23T08:44:06.Z",
    "2026-11-23T08:44:06.1234567890Z", "2026-11-23T08:44:06+1:00", "2026-11-23T08:44:06+24:00",
    "2026-11-23T08:44:06+01:00Z", "2026-11-23T08:44:06 01:00", "2026-11-23T08:44:06+0100",
  ])
  func `is not read from anything else`(text: String) {
    #expect(Timestamp(text) == nil)
  }
}
