/** @file basics.hpp  Errors, texts, handles, matrices: what the rest of maquette.hpp is made of. */
#ifndef MAQUETTE_BASICS_HPP
#define MAQUETTE_BASICS_HPP

#include <maquette.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace maquette {

/** What went wrong: a status of maquette.h, one sentence for people, and the offending name. */
class Error : public std::runtime_error {
 public:
  explicit Error(maquette_status status, const std::string &message = {}, std::string name = {})
      : std::runtime_error(message.empty() ? maquette_status_name(status) : message), status_(status),
        name_(std::move(name)) {}

  maquette_status status() const noexcept { return status_; }
  /** E.g. "MAQUETTE_E_BUSY". */
  const char *status_name() const noexcept { return maquette_status_name(status_); }
  /** A parameter, kind, path, id or field; empty where there is none. */
  const std::string &name() const noexcept { return name_; }

 private:
  maquette_status status_;
  std::string name_;
};

/** A text on its way to the library: NUL-terminated ones are passed as they are, a string_view is copied. `{}` is none. */
class Text {
 public:
  Text() = default;
  Text(const char *text) : text_(text) {}
  Text(const std::string &text) : text_(text.c_str()) { check(text); }
  Text(std::string_view text) : copy_(text), text_(copy_.c_str()) { check(copy_); }
  Text(const Text &) = delete;
  Text &operator=(const Text &) = delete;
  const char *get() const noexcept { return text_; }

 private:
  /** The library would read as far as the first NUL. */
  static void check(const std::string &text) {
    if (text.find('\0') != std::string::npos) throw Error(MAQUETTE_E_INVALID_ARGUMENT, "a text holds a NUL character");
  }
  std::string copy_;
  const char *text_ = nullptr;
};

namespace detail {

using ErrorHandle = std::unique_ptr<maquette_error, void (*)(maquette_error *)>;

/** Throws unless a call went well. */
inline void check(maquette_status status, maquette_error *error = nullptr) {
  if (status == MAQUETTE_OK) return;
  ErrorHandle owned(error, maquette_error_destroy);
  if (!error) throw Error(status);
  throw Error(status, maquette_error_message(error), maquette_error_name(error));
}

/** Calls a function whose last parameter is an error. */
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
  maquette_error *error = nullptr;
  const maquette_status status = function(arguments..., &error);
  check(status, error);
}

/** Calls a function whose last parameters are a result and an error. */
template <typename Result, typename Function, typename... Arguments>
Result result(Function function, Arguments... arguments) {
  Result result{};
  call(function, arguments..., &result);
  return result;
}

/** Calls a function whose last parameters are a text that becomes ours and an error. None becomes "". */
template <typename Function, typename... Arguments>
std::string text(Function function, Arguments... arguments) {
  std::unique_ptr<char, void (*)(char *)> owned(result<char *>(function, arguments...), maquette_string_free);
  return owned ? std::string(owned.get()) : std::string();
}

/** Waits for something: false where the time passed first. */
template <typename Function, typename Raw>
bool waited(Function function, Raw *raw, std::chrono::milliseconds time) {
  maquette_error *error = nullptr;
  const maquette_status status = function(raw, time.count() < 0 ? 0 : time.count(), &error);
  if (status == MAQUETTE_E_TIMEOUT) return maquette_error_destroy(error), false;
  return check(status, error), true;
}

/** The strings of a JSON array of strings that the library wrote. */
inline std::vector<std::string> strings(const std::string &json) {
  std::vector<std::string> found;
  const auto code = [&json](std::size_t place) { return std::stoul(json.substr(place, 4), nullptr, 16); };
  for (std::size_t i = json.find('"'); i != std::string::npos; i = json.find('"', i + 1)) {
    std::string text;
    for (i++; json.at(i) != '"'; i++) {
      if (json[i] != '\\') {
        text += json[i];
        continue;
      }
      constexpr std::string_view escapes = "bfnrt", meanings = "\b\f\n\r\t";
      const char escape = json.at(++i);
      if (escape == 'u') {
        unsigned long point = code(i + 1);
        i += 4;
        if (point >= 0xd800 && point < 0xdc00) { // the first half of a pair; the second follows as another \u
          point = 0x10000 + ((point - 0xd800) << 10) + (code(i + 3) - 0xdc00);
          i += 6;
        }
        const auto byte = [&text](unsigned long bits) { text += static_cast<char>(bits); };
        if (point < 0x80) {
          byte(point);
        } else {
          if (point < 0x800) {
            byte(0xc0 | point >> 6);
          } else {
            if (point < 0x10000) byte(0xe0 | point >> 12);
            else byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 0x3f));
            byte(0x80 | (point >> 6 & 0x3f));
          }
          byte(0x80 | (point & 0x3f));
        }
      } else {
        const std::size_t place = escapes.find(escape);
        text += place == std::string_view::npos ? escape : meanings[place];
      }
    }
    found.push_back(std::move(text));
  }
  return found;
}

/** Owns a handle: moved, not copied, and given back in the end. */
template <typename Raw, void (*destroy)(Raw *)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(Raw *raw) noexcept : raw_(raw) {}
  Handle(Handle &&other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Handle &operator=(Handle &&other) noexcept {
    if (this != &other) reset(std::exchange(other.raw_, nullptr));
    return *this;
  }
  ~Handle() { destroy(raw_); }

  /** For calls of maquette.h that stand nowhere here. */
  Raw *get() const noexcept { return raw_; }
  explicit operator bool() const noexcept { return raw_ != nullptr; }
  /** Gives the handle back now. */
  void close() noexcept { reset(nullptr); }

 private:
  void reset(Raw *raw) noexcept { destroy(std::exchange(raw_, raw)); }
  Raw *raw_ = nullptr;
};

template <typename Element>
constexpr int32_t dtype() {
  using T = std::remove_const_t<Element>;
  if constexpr (std::is_same_v<T, float>) return MAQUETTE_F32;
  else if constexpr (std::is_same_v<T, double>) return MAQUETTE_F64;
  else if constexpr (std::is_same_v<T, uint8_t>) return MAQUETTE_U8;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 4) return MAQUETTE_I32;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8) return MAQUETTE_I64;
  else static_assert(sizeof(T) == 0, "elements are float, double, uint8_t, int32_t or int64_t");
}

} // namespace detail

inline std::string version() { return maquette_version(); }
inline std::string build_info() { return detail::text(maquette_build_info); }
inline int threads() { return maquette_threads(); }
inline void set_threads(int count) { detail::call(maquette_set_threads, count); }

/** Sends messages of the level and graver ones to a function (level, message); see maquette_set_log(). */
template <typename Function>
void set_log(int32_t level, Function function) {
  const maquette_log_fn forward = [](void *data, int32_t severity, const char *message) noexcept {
    (*static_cast<Function *>(data))(severity, message);
  };
  detail::call(maquette_set_log, level, forward, static_cast<void *>(new Function(std::move(function))),
               +[](void *data) { delete static_cast<Function *>(data); });
}
/** Silences the log. */
inline void set_log(std::nullptr_t) {
  detail::call(maquette_set_log, static_cast<int32_t>(MAQUETTE_LOG_ERROR), static_cast<maquette_log_fn>(nullptr),
               static_cast<void *>(nullptr), static_cast<void (*)(void *)>(nullptr));
}

/* ------------------------------------------------------------------------------------------------------------------
 * Matrices
 * --------------------------------------------------------------------------------------------------------------- */

/** A matrix of numbers that somebody else owns; nothing is copied. `Element` is const where it is only read. */
template <typename Void>
class BasicView {
 public:
  /** None: for parameters that may be left out. */
  BasicView() = default;

  /** Rows that lie one after the other, or as far apart as the strides, in bytes, say. */
  template <typename Element,
            typename = std::enable_if_t<std::is_const_v<Void> || !std::is_const_v<Element>>>
  BasicView(Element *data, int64_t rows, int64_t cols, int64_t row_stride = 0, int64_t col_stride = 0) {
    raw_.data = const_cast<std::remove_const_t<Element> *>(data); // what is const is only read
    raw_.rows = rows, raw_.cols = cols, raw_.row_stride = row_stride, raw_.col_stride = col_stride;
    raw_.dtype = detail::dtype<Element>();
    given_ = true;
  }

  /** All numbers of a vector, array or span, in rows of `cols`. */
  template <typename Numbers, typename = decltype(std::data(std::declval<Numbers &>()))>
  BasicView(Numbers &&numbers, int64_t cols)
      : BasicView(std::data(numbers), cols > 0 ? static_cast<int64_t>(std::size(numbers)) / cols : 0, cols) {
    if (cols < 1 || static_cast<int64_t>(std::size(numbers)) % cols != 0)
      throw Error(MAQUETTE_E_BAD_SHAPE, std::to_string(std::size(numbers)) + " numbers make no rows of " +
                                            std::to_string(cols));
  }

  /** What is written may be read, too. */
  template <typename Other, typename = std::enable_if_t<std::is_const_v<Void> && !std::is_const_v<Other>>>
  BasicView(const BasicView<Other> &other) : raw_(other.raw()), given_(other.get() != nullptr) {}

  /** What a callback got from the library. */
  explicit BasicView(const maquette_matrix &raw) : raw_(raw), given_(true) {}

  int64_t rows() const noexcept { return raw_.rows; }
  int64_t cols() const noexcept { return raw_.cols; }
  const maquette_matrix &raw() const noexcept { return raw_; }
  /** For maquette.h: NULL for none. */
  std::conditional_t<std::is_const_v<Void>, const maquette_matrix *, maquette_matrix *> get() const noexcept {
    return given_ ? &raw_ : nullptr;
  }

 private:
  mutable maquette_matrix raw_{sizeof(maquette_matrix), nullptr, 0, 0, 0, 0, MAQUETTE_F32, 0};
  bool given_ = false;
};

/** Numbers that are read. */
using View = BasicView<const void>;
/** Numbers that are written. */
using MutableView = BasicView<void>;

/** A matrix that owns its numbers, row after row: what predictions come as. */
template <typename Element = float>
class Matrix {
 public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows_(rows), cols_(cols), numbers_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols)) {}

  int64_t rows() const noexcept { return rows_; }
  int64_t cols() const noexcept { return cols_; }
  Element *data() noexcept { return numbers_.data(); }
  const Element *data() const noexcept { return numbers_.data(); }
  std::size_t size() const noexcept { return numbers_.size(); }
  /** The first number of a row; the others of the row follow. */
  const Element *operator[](int64_t row) const noexcept { return data() + row * cols_; }
  Element *operator[](int64_t row) noexcept { return data() + row * cols_; }
  /** The column of the greatest number of a row, the first of equals. */
  int64_t greatest(int64_t row) const noexcept {
    int64_t best = 0;
    for (int64_t col = 1; col < cols_; col++)
      if ((*this)[row][col] > (*this)[row][best]) best = col;
    return best;
  }

  operator View() const noexcept { return View(data(), rows_, cols_); }
  operator MutableView() noexcept { return MutableView(data(), rows_, cols_); }

 private:
  int64_t rows_ = 0, cols_ = 0;
  std::vector<Element> numbers_;
};

/** A label for each row, NULL or std::nullopt for none. The strings themselves stay where they are, and have to live as long
 *  as this is used. */
class Labels {
 public:
  Labels() = default;
  template <typename Range, typename = decltype(std::begin(std::declval<const Range &>())),
            typename = std::enable_if_t<!std::is_same_v<Range, Labels>>>
  Labels(const Range &labels) {
    pointers_.reserve(std::size(labels));
    for (const auto &label : labels) pointers_.push_back(pointer(label));
  }
  Labels(std::initializer_list<const char *> labels) : pointers_(labels) {}

  int64_t size() const noexcept { return static_cast<int64_t>(pointers_.size()); }
  /** For maquette.h, which reads `rows` of them; NULL for none at all. */
  const char *const *get(int64_t rows) const {
    if (pointers_.empty()) return nullptr;
    if (size() != rows)
      throw Error(MAQUETTE_E_BAD_SHAPE, std::to_string(size()) + " labels for " + std::to_string(rows) + " rows");
    return pointers_.data();
  }

 private:
  static const char *pointer(const char *label) { return label; }
  static const char *pointer(const std::string &label) { return Text(label).get(); }
  static const char *pointer(const std::optional<std::string> &label) { return label ? pointer(*label) : nullptr; }
  std::vector<const char *> pointers_;
};

namespace detail {

/** Calls a function that first tells the shape of a matrix and then fills it in. */
template <typename Function, typename... Arguments>
Matrix<float> matrix(Function function, Arguments... arguments) {
  maquette_matrix shape{sizeof shape, nullptr, 0, 0, 0, 0, MAQUETTE_F32, 0};
  call(function, arguments..., &shape);
  Matrix<float> matrix(shape.rows, shape.cols);
  if (matrix.size() > 0) call(function, arguments..., MutableView(matrix).get());
  return matrix;
}

} // namespace detail

} // namespace maquette

#endif // MAQUETTE_BASICS_HPP
