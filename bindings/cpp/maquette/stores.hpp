/** @file stores.hpp  Stores and what lives there: services of documents, datasets, live views. */
#ifndef MAQUETTE_STORES_HPP
#define MAQUETTE_STORES_HPP

#include "streams.hpp"

namespace maquette {

/** Where datasets and models live: `memory:`, `sqlite:PATH`, `postgresql://…`, `http://…`. */
class Store : public detail::Handle<maquette_store, maquette_store_destroy> {
 public:
  explicit Store(const Text &location)
      : Handle(detail::result<maquette_store *>(maquette_store_open, location.get())) {}

  void backup(const Text &path) { detail::call(maquette_store_backup, get(), path.get()); }
  std::vector<std::string> services() const { return detail::strings(detail::text(maquette_store_services, get())); }
  /** A JSON array of the models that are saved, the newest first; of all kinds and names unless given. */
  std::string models(const Text &kind = {}, const Text &name = {}) {
    return detail::text(maquette_store_models, get(), kind.get(), name.get());
  }
  std::string remove_models(const Text &id_or_name, const Text &kind = {}) {
    return detail::text(maquette_store_remove_models, get(), kind.get(), id_or_name.get());
  }
};

/** Reads documents in blocks, however many there are:
 *
 *      for (const std::string &block : service.items()) …        // a JSON array of up to 256 documents */
class Items : public detail::Handle<maquette_cursor, maquette_cursor_destroy> {
 public:
  using Handle::Handle;

  /** The next documents, a JSON array; none behind the last. */
  std::optional<std::string> next() {
    std::string block = detail::text(maquette_cursor_next, get());
    return block.empty() ? std::nullopt : std::optional(std::move(block));
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string *;
    using reference = const std::string &;

    Iterator() = default;
    explicit Iterator(Items &items) : items_(&items), block_(items.next()) {}
    reference operator*() const { return *block_; }
    pointer operator->() const { return &*block_; }
    Iterator &operator++() {
      block_ = items_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator &other) const { return block_.has_value() == other.block_.has_value(); }
    bool operator!=(const Iterator &other) const { return !(*this == other); }

   private:
    Items *items_ = nullptr;
    std::optional<std::string> block_;
  };
  Iterator begin() { return Iterator(*this); }
  Iterator end() { return {}; }
};

/** Documents of any kind, as JSON; queries as "Services" of maquette.h says, `{}` or nothing being all. */
class Service : public detail::Handle<maquette_service, maquette_service_destroy> {
 public:
  Service(const Store &store, const Text &name)
      : Handle(detail::result<maquette_service *>(maquette_service_open, store.get(), name.get())) {}

  std::string find(const Text &query = {}) const { return detail::text(maquette_service_find, get(), query.get()); }
  std::string get_document(const Text &id) const { return detail::text(maquette_service_get, get(), id.get()); }
  std::string create(const Text &documents) { return detail::text(maquette_service_create, get(), documents.get()); }
  std::string update(const Text &id, const Text &document, const Text &query = {}) {
    return detail::text(maquette_service_update, get(), id.get(), query.get(), document.get());
  }
  std::string patch(const Text &id, const Text &changes, const Text &query = {}) {
    return detail::text(maquette_service_patch, get(), id.get(), query.get(), changes.get());
  }
  std::string remove(const Text &id, const Text &query = {}) {
    return detail::text(maquette_service_remove, get(), id.get(), query.get());
  }
  std::string patch_matching(const Text &query, const Text &changes) { return patch({}, changes, query.get()); }
  std::string remove_matching(const Text &query) { return remove({}, query.get()); }
  int64_t count(const Text &query = {}) const {
    return detail::result<int64_t>(maquette_service_count, get(), query.get());
  }
  std::string distinct(const Text &field, const Text &query = {}) const {
    return detail::text(maquette_service_distinct, get(), field.get(), query.get());
  }
  Items items(const Text &query = {}) const {
    return Items(detail::result<maquette_cursor *>(maquette_service_items, get(), query.get()));
  }
  Stream events() const { return Stream(maquette_service_events(get())); }
};

/** All features of a dataset, a row for each instance, with the index of each one's label, -1 for none. */
struct Instances {
  Matrix<float> features;
  std::vector<int32_t> codes;
  std::vector<std::string> labels;
};

class Dataset;

/** A live view of the instances that match a query. */
class SiftedDataset : public detail::Handle<maquette_view, maquette_view_destroy> {
 public:
  using Handle::Handle;
  int64_t count() const { return detail::result<int64_t>(maquette_view_count, get()); }
  std::string find(const Text &query = {}) const { return detail::text(maquette_view_find, get(), query.get()); }
  Items items(const Text &query = {}) const {
    return Items(detail::result<maquette_cursor *>(maquette_view_items, get(), query.get()));
  }
  Stream counts() const { return Stream(maquette_view_counts(get())); }
  Stream changes() const { return Stream(maquette_view_changes(get())); }
};

/** Labelled instances in a store. */
class Dataset : public detail::Handle<maquette_dataset, maquette_dataset_destroy> {
 public:
  Dataset(const Store &store, const Text &name)
      : Handle(detail::result<maquette_dataset *>(maquette_dataset_open, store.get(), name.get())) {}

  /** An instance for each row, with a label for each, or without. */
  void append(const View &features, const Labels &labels = {}) {
    detail::call(maquette_dataset_append, get(), features.get(), labels.get(features.rows()));
  }
  void append_targets(const View &features, const View &targets) {
    detail::call(maquette_dataset_append_targets, get(), features.get(), targets.get());
  }
  /** Rows that become nested arrays: images, windows of samples. */
  void append_shaped(const View &features, const std::vector<int64_t> &shape, const Labels &labels = {},
                     const View &targets = {}) {
    detail::call(maquette_dataset_append_shaped, get(), features.get(), shape.data(),
                 static_cast<int32_t>(shape.size()), labels.get(features.rows()), targets.get());
  }

  /** One instance as JSON, or an array of them. */
  std::string create(const Text &instance) { return detail::text(maquette_dataset_create, get(), instance.get()); }
  std::string get_instance(const Text &id) const { return detail::text(maquette_dataset_get, get(), id.get()); }
  std::string update(const Text &id, const Text &instance) {
    return detail::text(maquette_dataset_update, get(), id.get(), instance.get());
  }
  std::string patch(const Text &id, const Text &changes) {
    return detail::text(maquette_dataset_patch, get(), id.get(), changes.get());
  }
  std::string patch_matching(const Text &query, const Text &changes) {
    return detail::text(maquette_dataset_patch_matching, get(), query.get(), changes.get());
  }
  std::string remove(const Text &id) { return detail::text(maquette_dataset_remove, get(), id.get()); }
  std::string remove_matching(const Text &query) {
    return detail::text(maquette_dataset_remove_matching, get(), query.get());
  }
  void clear() { detail::call(maquette_dataset_clear, get()); }

  std::string find(const Text &query = {}) const { return detail::text(maquette_dataset_find, get(), query.get()); }
  int64_t count() const { return detail::result<int64_t>(maquette_dataset_count, get()); }
  int64_t count(const Text &query) const {
    return detail::result<int64_t>(maquette_dataset_count_matching, get(), query.get());
  }
  /** The different values of a field, a JSON array. */
  std::string distinct(const Text &field) const {
    return detail::text(maquette_dataset_distinct, get(), field.get());
  }
  std::string distinct(const Text &field, const Text &query) const {
    return detail::text(maquette_dataset_distinct_matching, get(), field.get(), query.get());
  }
  Items items(const Text &query = {}) const {
    return Items(detail::result<maquette_cursor *>(maquette_dataset_items, get(), query.get()));
  }
  SiftedDataset sift(const Text &query) {
    return SiftedDataset(detail::result<maquette_view *>(maquette_dataset_sift, get(), query.get()));
  }

  /** Rows and columns of the matrix that read() gives. */
  std::pair<int64_t, int64_t> shape() const {
    std::pair<int64_t, int64_t> shape;
    detail::call(maquette_dataset_shape, get(), &shape.first, &shape.second);
    return shape;
  }
  Instances read() const {
    const auto [rows, cols] = shape();
    Instances all{Matrix<float>(rows, cols), std::vector<int32_t>(static_cast<std::size_t>(rows)), {}};
    if (rows == 0) return all;
    const MutableView features = all.features;
    all.labels = detail::strings(detail::text(maquette_dataset_read, get(), features.get(), all.codes.data()));
    return all;
  }
  /** The numbers to be learnt, [rows, targets]. */
  Matrix<float> targets() const { return detail::matrix(maquette_dataset_targets, get()); }

  Stream counts() const { return Stream(maquette_dataset_counts(get())); }
  Stream changes() const { return Stream(maquette_dataset_changes(get())); }

  /** Marcelle's JSON, in files and texts; each gives the number of instances, or the text. */
  int64_t download(const Text &path, const Text &query = {}) const {
    return detail::result<int64_t>(maquette_dataset_download, get(), path.get(), query.get());
  }
  std::string download_text(const Text &query = {}) const {
    return detail::text(maquette_dataset_download_text, get(), query.get());
  }
  int64_t upload(const Text &path) { return detail::result<int64_t>(maquette_dataset_upload, get(), path.get()); }
  int64_t upload_text(std::string_view text) {
    return detail::result<int64_t>(maquette_dataset_upload_text, get(), text.data(), text.size());
  }
  int64_t import_csv(const Text &path, const Text &options = {}) {
    return detail::result<int64_t>(maquette_dataset_import_csv, get(), path.get(), options.get());
  }
  int64_t export_csv(const Text &path, const Text &options = {}) const {
    return detail::result<int64_t>(maquette_dataset_export_csv, get(), path.get(), options.get());
  }
  /** Arrow's stream is yours: call its `release` once. */
  ArrowArrayStream export_arrow() const {
    return detail::result<ArrowArrayStream>(maquette_dataset_export_arrow, get());
  }
  /** The stream is released by this. */
  int64_t import_arrow(ArrowArrayStream &stream, const Text &options = {}) {
    return detail::result<int64_t>(maquette_dataset_import_arrow, get(), &stream, options.get());
  }
  /** Copies every instance into one of two empty datasets, at random. */
  void split(Dataset &first, Dataset &second, const Text &options = {}) const {
    detail::call(maquette_dataset_split, get(), options.get(), first.get(), second.get());
  }
};

} // namespace maquette

#endif // MAQUETTE_STORES_HPP
