import Testing

/// What every store must do, whatever keeps its documents.
///
/// The parts are suites in extensions of this one, a file each, with `arguments: StoreKind.allCases`:
///
///     extension StoreContract {
///       @Suite struct Writing {
///         @Test("…", arguments: StoreKind.allCases) func create(_ kind: StoreKind) throws { … }
///       }
///     }
@Suite struct StoreContract {}
