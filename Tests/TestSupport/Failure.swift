public import MaquetteSystem

/// The error that `body` throws; nil if it throws none of Maquette's.
public func failure(_ body: () throws -> Void) -> MaquetteError? {
  do { try body() } catch { return error as? MaquetteError }
  return nil
}
