import CSQLite
import MaquetteFormats
import MaquetteKernels
import MaquetteStores
import MaquetteSystem
import TestSupport
import Testing

/// Many rows at once, which one statement takes out of memory of ours.
@Suite struct SQLiteAppendTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path("store.db") }
  private var location: String { "sqlite:" + path }

  /// Runs SQL as another program would.
  private func sqlite(_ sql: String) throws {
    var handle: OpaquePointer?
    sqlite3_open(path, &handle)
    defer { sqlite3_close(handle) }
    try #require(sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK)
  }

  @Test("labels of any form come back as they were: empty, with a null character, long, none")
  func labels() throws {
    let labels = try LabelColumn(
      names: ["", "a\0b", String(repeating: "é", count: 70_000), "plain"], codes: [0, 1, -1, 2, 0, 3])
    do { try Dataset("d", in: DataStore(location)).append(counting(6), labels: labels) }
    let dataset = try Dataset("d", in: DataStore(location))
    #expect(try dataset.table().labels == labels)
    #expect(try dataset.table().features == counting(6))
    #expect(try dataset.find(query(#"{"y": "", "$select": ["y"]}"#)).total == 2)
  }

  @Test("rows that fail in the middle of an append leave nothing, and the next append is whole")
  func undone() throws {
    let store = try DataStore(location)
    let dataset = try Dataset("d", in: store)
    try dataset.append(counting(3), labels: LabelColumn(["a", "b", "c"]))
    try store.execute(
      """
      CREATE TRIGGER stop BEFORE INSERT ON "instances-d" WHEN new.y = 'bad'
      BEGIN SELECT RAISE(FAIL, 'no such row'); END
      """)
    let labels = (0..<500).map { $0 == 400 ? "bad" : "good" }
    let error = try #require(failure { try dataset.append(counting(500), labels: LabelColumn(labels)) })
    #expect(error.message.contains("no such row"))
    #expect(dataset.count == 3)
    #expect(try dataset.table().features == counting(3))
    #expect(try store.number("SELECT count(*) FROM \"instances-d\"") == 3)
    #expect(try store.number("SELECT count(*) FROM maquette_rows") == 0)
    try store.execute("DROP TRIGGER stop")
    try dataset.append(counting(500), labels: LabelColumn(labels))
    #expect(try dataset.table().features.rows == 503)
    #expect(try Dataset("d", in: DataStore(location)).count == 503)
  }

  @Test("a trigger that somebody put into the file can't look at the rows that are appended")
  func notForTriggers() throws {
    do {
      try Dataset("d", in: DataStore(location)).append(counting(2), labels: LabelColumn(["a", "b"]))
    }
    try sqlite(
      """
      CREATE TABLE loot(id, x);
      CREATE TRIGGER look AFTER INSERT ON "instances-d" BEGIN INSERT INTO loot SELECT id, x FROM maquette_rows; END
      """)
    let dataset = try Dataset("d", in: DataStore(location))
    let error = try #require(failure { try dataset.append(counting(1), labels: LabelColumn(["c"])) })
    #expect(error.message.contains("maquette_rows"))
    #expect(dataset.count == 2)
  }

  @Test("more rows than the cache holds, of bytes and of floats, one append after the other")
  func large() throws {
    let labels = LabelColumn((0..<2000).map { "label \($0 % 7)" })
    let rows = try Matrix(rows: 2000, columns: 700, (0..<2000 * 700).map { Float($0 % 251) })
    for layout in [RowLayout.flat, RowLayout(shape: [7, 100], isBytes: true)] {
      let dataset = try Dataset("d \(layout.isBytes)", in: DataStore(location))
      try dataset.append(rows, labels: labels, layout: layout)
      try dataset.append(rows, labels: labels, layout: layout)
      let table = try Dataset("d \(layout.isBytes)", in: DataStore(location)).table()
      #expect(table.features.rows == 4000)
      for row in [0, 1, 1999, 2000, 3999] { #expect(table.features[row: row] == rows[row: row % 2000]) }
      #expect(table.labels.codes == (0..<4000).map { Int32($0 % 2000 % 7) })
    }
  }
}
