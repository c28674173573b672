import Synchronization

/// Things to hand out in the order they were put in, by any number of threads, with no lock held meanwhile.
package final class Outbox<Item: Sendable>: Sendable {
  private struct State {
    var items: [Item] = []
    var isDraining = false
  }

  private let state = Mutex(State())

  package init() {}

  package func add(_ item: Item) {
    state.withLock { $0.items.append(item) }
  }

  /// Hands out what is there, unless another thread is at it, which then hands out this too.
  package func drain(_ receive: (Item) -> Void) {
    var isMine = false
    while true {
      let items = state.withLock { state -> [Item] in
        if !isMine && state.isDraining { return [] }
        state.isDraining = !state.items.isEmpty
        defer { state.items = [] }
        return state.items
      }
      if items.isEmpty { return }
      isMine = true
      for item in items { receive(item) }
    }
  }
}
