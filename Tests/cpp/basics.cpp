/* Errors, texts, handles, matrices and labels. */
#include "test.hpp"

#include <array>

using namespace maquette;

static_assert(!std::is_copy_constructible_v<Model> && std::is_nothrow_move_constructible_v<Model>);
static_assert(!std::is_copy_assignable_v<Store> && std::is_nothrow_move_assignable_v<Store>);
static_assert(!std::is_constructible_v<MutableView, const float *, int64_t, int64_t>, "const numbers are not written to");
static_assert(std::is_constructible_v<View, const float *, int64_t, int64_t>);
static_assert(std::is_convertible_v<MutableView, View> && !std::is_convertible_v<View, MutableView>);

TEST(errors, "An error has its status, the status's name, a sentence and the offending name.") {
  try {
    Model model("mlp-classifier", R"({"epoch": 3})");
    CHECK(!"it threw");
  } catch (const std::runtime_error &caught) {
    const Error *error = dynamic_cast<const Error *>(&caught);
    REQUIRE(error);
    CHECK(error->status() == MAQUETTE_E_UNKNOWN_PARAMETER);
    CHECK(std::string(error->status_name()) == "MAQUETTE_E_UNKNOWN_PARAMETER");
    CHECK(error->name() == "epoch");
    CHECK(std::string(error->what()).find("epoch") != std::string::npos);
  }
  THROWS(Model("no such kind"), MAQUETTE_E_UNKNOWN_KIND);
  THROWS(Store("ftp://somewhere"), MAQUETTE_E_UNSUPPORTED);
}

TEST(texts, "Texts may be literals, strings and views, which need no NUL behind them; one inside is an error.") {
  const std::string longer = "memory:and more";
  Store store(std::string_view(longer).substr(0, 7));
  Dataset dataset(store, std::string("points"));
  CHECK(dataset.count() == 0);
  THROWS(Dataset(store, std::string("a\0b", 3)), MAQUETTE_E_INVALID_ARGUMENT);
  THROWS(Dataset(store, "\xff"), MAQUETTE_E_BAD_UTF8);
}

TEST(strings, "Strings come out of JSON as they went in.") {
  const std::string all = "a\"b\\c\nd\te\x01 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xa8, [x]";
  const std::vector<float> features{0, 1, 2, 3};
  const std::vector<std::string> labels{all, ""};
  Store store("memory:");
  Dataset dataset(store, "texts");
  dataset.append({features, 2}, labels);
  CHECK(dataset.read().labels == labels);
  using detail::strings;
  CHECK(strings("[]").empty());
  const std::string drawn = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\xa8/\b";
  CHECK(strings(R"(["\u00e4\u20ac\ud83c\udfa8\/\b"])") == std::vector<std::string>{drawn});
}

TEST(handles, "A handle that was moved from, or closed, is empty, and answers as any bad handle does.") {
  Store store("memory:");
  Store moved(std::move(store));
  CHECK(!store && moved);
  THROWS(store.services(), MAQUETTE_E_BAD_HANDLE);
  Store other("memory:");
  other = std::move(moved);
  CHECK(other && !moved);
  Dataset dataset(other, "kept");
  other.close();
  CHECK(!other);
  CHECK(dataset.count() == 0); // it keeps its store alive
  dataset.close();
  THROWS(dataset.count(), MAQUETTE_E_BAD_HANDLE);
  THROWS(dataset.counts(), MAQUETTE_E_BAD_HANDLE);
}

TEST(views, "Vectors, arrays, pointers and strides of five types of numbers are read where they lie.") {
  Store store("memory:");
  Dataset dataset(store, "numbers");
  const std::vector<double> doubles{0, 1, 2, 3};
  std::array<uint8_t, 4> bytes{4, 5, 6, 7};
  int32_t integers[] = {8, 9, 10, 11};
  const int64_t longs[] = {12, 99, 13, 99, 14, 99, 15, 99};
  dataset.append({doubles, 2});
  dataset.append({bytes, 2});
  dataset.append({integers, 2});
  dataset.append({longs, 2, 2, 32, 16});
  const Instances all = dataset.read();
  CHECK(all.features.rows() == 8 && all.features.cols() == 2);
  for (int row = 0; row < 8; row++)
    for (int col = 0; col < 2; col++) CHECK(all.features[row][col] == static_cast<float>(2 * row + col));
  CHECK(all.codes == std::vector<int32_t>(8, -1));
  THROWS(View(doubles, 3), MAQUETTE_E_BAD_SHAPE);
  THROWS(View(doubles, 0), MAQUETTE_E_BAD_SHAPE);
}

TEST(labels, "Labels are strings, literals, or missing; another number of them than of rows is an error.") {
  const std::vector<float> features{0, 1, 2};
  Store store("memory:");
  Dataset dataset(store, "labels");
  dataset.append({features, 1}, {"a", nullptr, "b"});
  dataset.append({features, 1}, std::vector<std::optional<std::string>>{"a", std::nullopt, "c"});
  const Instances all = dataset.read();
  CHECK((all.codes == std::vector<int32_t>{0, -1, 1, 0, -1, 2}));
  CHECK((all.labels == std::vector<std::string>{"a", "b", "c"}));
  THROWS(dataset.append({features, 1}, {"a", "b"}), MAQUETTE_E_BAD_SHAPE);
}

TEST(library, "The library tells its version and threads, and its log goes to a function that is destroyed once.") {
  CHECK(version() == MAQUETTE_VERSION);
  CHECK(build_info().find("\"openblas\"") != std::string::npos);
  set_threads(1);
  CHECK(threads() == 1);
  THROWS(set_threads(0), MAQUETTE_E_INVALID_ARGUMENT);
  auto held = std::make_shared<int>(0);
  set_log(MAQUETTE_LOG_DEBUG, [held](int32_t, std::string_view) {});
  CHECK(held.use_count() == 2);
  set_log(nullptr);
  CHECK(held.use_count() == 1);
  THROWS(set_log(99, [held](int32_t, std::string_view) {}), MAQUETTE_E_INVALID_ARGUMENT);
  CHECK(held.use_count() == 1);
}

int main(int count, char **arguments) { return test_main(count, arguments); }
