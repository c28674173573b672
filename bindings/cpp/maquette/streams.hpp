/** @file streams.hpp  Streams: everything that changes can be watched, by a function or by taking events out. */
#ifndef MAQUETTE_STREAMS_HPP
#define MAQUETTE_STREAMS_HPP

#include "basics.hpp"

namespace maquette {

/** One event of a stream. What it points to lives as long as the callback runs, or until the next event is taken. */
class Event {
 public:
  explicit Event(const maquette_event &raw) : raw_(raw) {}

  std::string_view json() const noexcept { return {raw_.json, raw_.json_length}; }
  uint64_t sequence() const noexcept { return raw_.sequence; }
  uint64_t dropped() const noexcept { return raw_.dropped; }
  /** What it brings beside its JSON, of umap the embedding [rows, dimensions] of the epoch. */
  std::optional<View> matrix() const {
    return raw_.matrix ? std::optional<View>(View(*raw_.matrix)) : std::nullopt;
  }
  const maquette_event &raw() const noexcept { return raw_; }

  /** Of Model::training(). */
  maquette_training_status training() const {
    maquette_training_status status{};
    status.struct_size = sizeof status;
    detail::call(maquette_event_training_status, &raw_, &status);
    return status;
  }
  /** Of BatchPrediction::status(). */
  maquette_batch_status batch() const {
    maquette_batch_status status{};
    status.struct_size = sizeof status;
    detail::call(maquette_event_batch_status, &raw_, &status);
    return status;
  }

 private:
  maquette_event raw_;
};

/** Calls a function with each event, on a thread of Maquette's, until this is destroyed, which waits for a call that runs
 *  elsewhere. */
using Subscription = detail::Handle<maquette_subscription, maquette_subscription_destroy>;

/** Events that wait to be taken out, one by one or by a loop:
 *
 *      for (const maquette::Event &event : dataset.changes().events()) …
 *
 *  The loop goes on until the stream ends; that of Model::training_events() until the training does. */
class Events {
 public:
  using IsLast = bool (*)(const Event &);

  explicit Events(maquette_stream *stream, IsLast is_last = nullptr)
      : subscription_(detail::result<maquette_subscription *>(
            [](maquette_stream *of, maquette_subscription **made, maquette_error **error) {
              return maquette_stream_subscribe(of, nullptr, nullptr, nullptr, made, error);
            },
            stream)),
        is_last_(is_last) {}

  /** The next event; none where the stream, or the training, has ended: see has_ended(). */
  std::optional<Event> next() { return take(MAQUETTE_FOREVER); }
  /** The next event; none, too, where no event came in time. */
  std::optional<Event> next(std::chrono::milliseconds time) { return take(time.count() < 0 ? 0 : time.count()); }
  bool has_ended() const noexcept { return ended_; }
  /** Readable as long as next() would not wait: for poll, epoll, libuv. Neither read nor close it. */
  int descriptor() const { return detail::result<int32_t>(maquette_subscription_fd, subscription_.get()); }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using pointer = const Event *;
    using reference = const Event &;

    Iterator() = default;
    explicit Iterator(Events &events) : events_(&events), event_(events.next()) {}
    reference operator*() const { return *event_; }
    pointer operator->() const { return &*event_; }
    Iterator &operator++() {
      event_ = events_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator &other) const { return event_.has_value() == other.event_.has_value(); }
    bool operator!=(const Iterator &other) const { return !(*this == other); }

   private:
    Events *events_ = nullptr;
    std::optional<Event> event_;
  };
  Iterator begin() { return Iterator(*this); }
  Iterator end() { return {}; }

 private:
  std::optional<Event> take(int64_t milliseconds) {
    if (ended_) return std::nullopt;
    maquette_event event{};
    event.struct_size = sizeof event;
    maquette_error *error = nullptr;
    const maquette_status status = maquette_subscription_next(subscription_.get(), milliseconds, &event, &error);
    if (status == MAQUETTE_E_TIMEOUT || status == MAQUETTE_E_CLOSED) {
      maquette_error_destroy(error);
      ended_ = status == MAQUETTE_E_CLOSED;
      return std::nullopt;
    }
    detail::check(status, error);
    const Event taken(event);
    ended_ = is_last_ && is_last_(taken);
    return taken;
  }

  Subscription subscription_;
  IsLast is_last_;
  bool ended_ = false;
};

/** A stream belongs to the object it was asked from, and is of no use after that. */
class Stream {
 public:
  explicit Stream(maquette_stream *raw) : raw_(raw) {
    if (!raw) throw Error(MAQUETTE_E_BAD_HANDLE, "a stream of an object that was closed");
  }

  /** Calls `function` with each event, on a thread of Maquette's, one at a time. What it throws ends the program, as in a
   *  thread of your own. It is destroyed once, after its last call. */
  template <typename Function>
  [[nodiscard]] Subscription subscribe(Function function) const {
    const maquette_event_fn forward = [](void *data, const maquette_event *event) noexcept {
      (*static_cast<Function *>(data))(Event(*event));
    };
    return Subscription(detail::result<maquette_subscription *>(
        maquette_stream_subscribe, raw_, forward, static_cast<void *>(new Function(std::move(function))),
        +[](void *data) { delete static_cast<Function *>(data); }));
  }

  /** Events to be taken out. */
  Events events() const { return Events(raw_); }
  /** The value the stream holds now. */
  std::string value() const { return detail::text(maquette_stream_value, raw_); }
  /** Of a parameter. */
  void set(const Text &json) const { detail::call(maquette_stream_set, raw_, json.get()); }
  maquette_stream *get() const noexcept { return raw_; }

 private:
  maquette_stream *raw_;
};

} // namespace maquette

#endif // MAQUETTE_STREAMS_HPP
