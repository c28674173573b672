import Synchronization

/// Things to hand out in the order they were put in, by any number of threads, with no lock held meanwhile.
package final class Outbox<Item: Sendable>: Sendable {
  private struct State {
    var items: [Item] = []
    var isDraining = false
    /// Whether one of the items was left.
    var isLeft = false
  }

  private let state = Mutex(State())

  package init() {}

  /// Puts in what the caller hands out himself, with ``drain(_:)``.
  package func add(_ item: Item) {
    state.withLock { $0.items.append(item) }
  }

  /// Puts in what is handed out by whoever comes first: by ``drainLeft(_:)`` at the latest.
  package func leave(_ item: Item) {
    state.withLock { state in
      state.items.append(item)
      state.isLeft = true
    }
  }

  /// As ``drain(_:)``, if something was left. What was only added stays for those who added it, so that they find it
  /// handed out when their own call of ``drain(_:)`` returns, and have not been overtaken on the way there.
  package func drainLeft(_ receive: (Item) -> Void) {
    if state.withLock({ $0.isLeft }) { drain(receive) }
  }

  /// As ``add(_:)`` and then ``drain(_:)``; where nothing else is there, nothing is put in.
  package func pass(_ item: Item, _ receive: (Item) -> Void) {
    let isAlone = state.withLock { state -> Bool in
      guard !state.isDraining, state.items.isEmpty else {
        state.items.append(item)
        return false
      }
      state.isDraining = true
      return true
    }
    if isAlone { receive(item) }
    drain(isMine: isAlone, receive)
  }

  /// Hands out what is there, unless another thread is at it, which then hands out this too.
  package func drain(_ receive: (Item) -> Void) { drain(isMine: false, receive) }

  private func drain(isMine: Bool, _ receive: (Item) -> Void) {
    var isMine = isMine
    while true {
      let items = state.withLock { state -> [Item] in
        if !isMine && state.isDraining { return [] }
        state.isDraining = !state.items.isEmpty
        defer {
          state.items = []
          state.isLeft = false
        }
        return state.items
      }
      if items.isEmpty { return }
      isMine = true
      for item in items { receive(item) }
    }
  }
}
