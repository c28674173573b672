/** @file models.hpp  Models: what they learn from, training, predicting, saving, and keeping in step. */
#ifndef MAQUETTE_MODELS_HPP
#define MAQUETTE_MODELS_HPP

#include "stores.hpp"

namespace maquette {

/** Rows to learn from, in your memory: with labels, or with the numbers of a regression, or with neither. */
struct Rows {
  View features;
  Labels labels{};
  View targets{};
};

/** Where a training takes its rows from: a dataset, or what matches a query there; rows in memory; or a function that gives
 *  block after block, while the training needs them. */
class Source {
 public:
  /** Called as (pass, block); gives the next rows, which must live until the next call, or none behind the last of a pass.
   *  Every pass has to give the same. If it throws an Error, the training fails with its status; of anything else, with
   *  MAQUETTE_E_IO. */
  using Reader = std::function<std::optional<Rows>(int64_t pass, int64_t block)>;

  Source(const Dataset &dataset) : dataset_(dataset.get()) {}
  Source(const Dataset &dataset, std::string query) : dataset_(dataset.get()), query_(std::move(query)) {}
  Source(Rows rows) : rows_(std::move(rows)) {}
  template <typename Function,
            typename = std::enable_if_t<std::is_invocable_r_v<std::optional<Rows>, Function &, int64_t, int64_t>>>
  Source(Function read) : state_(std::make_unique<State>()) {
    state_->read = std::move(read);
  }

 private:
  friend class Model;

  struct State {
    Reader read;
    std::optional<Rows> rows;
  };

  static maquette_rows raw(const Rows &rows) {
    return {sizeof(maquette_rows), rows.features.get(), rows.labels.get(rows.features.rows()), rows.targets.get()};
  }

  static maquette_status read(void *data, int64_t pass, int64_t block, maquette_rows *rows) noexcept {
    auto &state = *static_cast<State *>(data);
    try {
      state.rows = state.read(pass, block);
      if (state.rows) *rows = raw(*state.rows);
      return MAQUETTE_OK;
    } catch (const Error &error) {
      return error.status() == MAQUETTE_OK ? MAQUETTE_E_IO : error.status();
    } catch (const std::bad_alloc &) {
      return MAQUETTE_E_OUT_OF_MEMORY;
    } catch (...) {
      return MAQUETTE_E_IO;
    }
  }

  /** For a call that begins now: the library takes the function over. `memory` lives as long as the call. */
  maquette_source raw(maquette_rows &memory) {
    maquette_source source{};
    source.struct_size = sizeof source;
    source.dataset = dataset_;
    if (query_) source.query = query_->c_str();
    if (rows_) memory = raw(*rows_), source.rows = &memory;
    return source;
  }
  void hand_over(maquette_source &source) noexcept {
    if (!state_) return;
    source.read = read;
    source.user_data = state_.release();
    source.destroy = [](void *data) { delete static_cast<State *>(data); };
  }

  const maquette_dataset *dataset_ = nullptr;
  std::optional<std::string> query_;
  std::optional<Rows> rows_;
  std::unique_ptr<State> state_;
};

enum class Training : int32_t {
  fresh = MAQUETTE_TRAIN_FRESH,
  continuing = MAQUETTE_TRAIN_CONTINUING,
  partial = MAQUETTE_TRAIN_PARTIAL
};

/** Of each row the nearest remembered ones: `ids[row * distances.cols() + place]`. */
struct Neighbours {
  std::vector<int64_t> ids;
  Matrix<float> distances;
};

/** A model of one of the kinds(). */
class Model : public detail::Handle<maquette_model, maquette_model_destroy> {
 public:
  static std::vector<std::string> kinds() { return detail::strings(detail::text(maquette_model_kinds)); }
  /** The parameters of a kind, a JSON object. */
  static std::string schema(const Text &kind) { return detail::text(maquette_model_schema, kind.get()); }

  /** A model of the kind that is in files; the first may name the others. */
  static Model open_files(const std::vector<std::string> &paths) {
    return Model(detail::result<maquette_model *>(maquette_model_open_files, pointers(paths).data(),
                                                  static_cast<int64_t>(paths.size())));
  }
  /** A model of the kind that is in a file in memory. */
  static Model open_bytes(std::string_view file) {
    return Model(detail::result<maquette_model *>(maquette_model_open_bytes, file.data(), file.size()));
  }

  explicit Model(const Text &kind, const Text &parameters = {})
      : Handle(detail::result<maquette_model *>(maquette_model_create, kind.get(), parameters.get())) {}
  Model clone() const { return Model(detail::result<maquette_model *>(maquette_model_clone, get())); }

  std::string kind() const { return detail::text(maquette_model_kind, get()); }
  std::string parameters() const { return detail::text(maquette_model_parameters, get()); }
  Stream parameter(const Text &name) const {
    return Stream(detail::result<maquette_stream *>(maquette_model_parameter, get(), name.get()));
  }
  /** E.g. set("epochs", "30"). */
  void set(const Text &name, const Text &json) { parameter(name).set(json); }

  /** The stream of the training's status; Event::training() reads its events. */
  Stream training() const { return Stream(maquette_model_training(get())); }
  /** Its events to the end of the training that goes on, or is begun next. */
  Events training_events() const {
    return Events(maquette_model_training(get()), [](const Event &event) {
      const int32_t status = event.training().status;
      return status == MAQUETTE_TRAINING_SUCCESS || status == MAQUETTE_TRAINING_ERROR ||
             status == MAQUETTE_TRAINING_CANCELLED;
    });
  }
  Stream stream(const Text &name) const {
    return Stream(detail::result<maquette_stream *>(maquette_model_stream, get(), name.get()));
  }

  /** Starts a training and returns at once. */
  void train(const Dataset &dataset) { start(dataset, nullptr); }
  void train(const Dataset &dataset, const Dataset &validation) { start(dataset, validation.get()); }
  /** Rows are copied before this returns. */
  void train(const View &features, const Labels &labels) {
    detail::call(maquette_model_train_matrix, get(), features.get(), labels.get(features.rows()),
                 static_cast<const maquette_matrix *>(nullptr), static_cast<const char *const *>(nullptr));
  }
  void train(const View &features, const Labels &labels, const View &validation_features,
             const Labels &validation_labels) {
    detail::call(maquette_model_train_matrix, get(), features.get(), labels.get(features.rows()),
                 validation_features.get(), validation_labels.get(validation_features.rows()));
  }
  /** Rows from anywhere; `mode` says whether it begins anew. */
  void train(Source source, Training mode = Training::fresh) { start(source, nullptr, mode); }
  void train(Source source, Source validation, Training mode = Training::fresh) { start(source, &validation, mode); }

  /** Waits for the end of the training; throws its error. */
  void wait() const { detail::call(maquette_model_wait, get(), static_cast<int64_t>(MAQUETTE_FOREVER)); }
  /** False where the time passed first. */
  bool wait_for(std::chrono::milliseconds time) const { return detail::waited(maquette_model_wait, get(), time); }
  /** Whether a training goes on; not whether all callbacks have returned from its last event. */
  bool is_training() const { return detail::result<int32_t>(maquette_model_is_training, get()) != 0; }
  void cancel() { detail::check(maquette_model_cancel(get())); }
  /** Keeps the best epoch, not the last. */
  void cancel_keeping_best() {
    detail::call(maquette_model_cancel_keeping, get(), static_cast<int32_t>(MAQUETTE_KEEP_BEST));
  }
  /** Forgets what was learned. */
  void forget() { detail::call(maquette_model_reset, get()); }

  int64_t feature_count() const { return detail::result<int64_t>(maquette_model_feature_count, get()); }
  int64_t output_count() const { return detail::result<int64_t>(maquette_model_output_count, get()); }
  int64_t label_count() const { return detail::result<int64_t>(maquette_model_label_count, get()); }
  std::string label(int64_t index) const { return detail::text(maquette_model_label, get(), index); }
  std::vector<std::string> labels() const { return detail::strings(detail::text(maquette_model_labels, get())); }

  /** Predicts into your memory, [rows, output_count()]; for one row without allocating or waiting. */
  void predict(const View &features, const MutableView &predictions) const {
    detail::call(maquette_model_predict, get(), features.get(), predictions.get());
  }
  /** Of a classifier the confidences of each label, of others their outputs. */
  Matrix<float> predict(const View &features) const {
    Matrix<float> predictions(features.rows(), output_count());
    predict(features, predictions);
    return predictions;
  }
  /** Of a classifier the label of each row; "" for one that belongs to none. */
  std::vector<std::string> predict_labels(const View &features) const {
    const std::vector<std::string> names = labels();
    const Matrix<float> confidences = predict(features);
    std::vector<std::string> found;
    found.reserve(static_cast<std::size_t>(confidences.rows()));
    for (int64_t row = 0; row < confidences.rows(); row++) {
      const int64_t best = confidences.greatest(row);
      found.push_back(confidences[row][best] > 0 ? names.at(static_cast<std::size_t>(best)) : std::string());
    }
    return found;
  }
  /** One row as JSON. */
  std::string predict_json(const View &features) const {
    return detail::text(maquette_model_predict_json, get(), features.get());
  }
  /** Of pca: from coordinates back to features. */
  Matrix<float> inverse(const View &predictions) const {
    Matrix<float> features(predictions.rows(), feature_count());
    detail::call(maquette_model_inverse, get(), predictions.get(), MutableView(features).get());
    return features;
  }
  std::vector<std::string> attributes() const {
    return detail::strings(detail::text(maquette_model_attributes, get()));
  }
  /** E.g. the `centers` of kmeans-clustering. */
  Matrix<float> attribute(const Text &name) const {
    return detail::matrix(maquette_model_attribute, get(), name.get());
  }
  Neighbours neighbours(const View &features, int64_t count) const {
    if (features.rows() < 0 || count < 0) throw Error(MAQUETTE_E_BAD_SHAPE, "fewer neighbours than none");
    Neighbours found{{}, Matrix<float>(features.rows(), count)};
    found.ids.resize(found.distances.size());
    detail::call(maquette_model_neighbours, get(), features.get(), count, found.ids.data(),
                 MutableView(found.distances).get());
    return found;
  }
  /** Rows of a knn model, by their ids. */
  void remove(const std::vector<int64_t> &ids) {
    detail::call(maquette_model_remove, get(), ids.data(), static_cast<int64_t>(ids.size()));
  }

  /** Gives the id of the saved model; `id` names one to replace. */
  std::string save(Store &store, const Text &name, const Text &metadata = {}, const Text &id = {}) const {
    return detail::text(maquette_model_save, get(), store.get(), name.get(), metadata.get(), id.get());
  }
  /** Keeps only the newest `history` models of the name. */
  std::string save_version(Store &store, const Text &name, int64_t history, const Text &metadata = {}) const {
    return detail::text(maquette_model_save_version, get(), store.get(), name.get(), metadata.get(), history);
  }
  std::string load(Store &store, const Text &id_or_name) {
    return detail::text(maquette_model_load, get(), store.get(), id_or_name.get());
  }

  /** Writes it into files; gives their paths. `options` are a JSON object, see maquette_model_download(). */
  std::vector<std::string> download(const Text &path, const Text &options = {}) const {
    return detail::strings(detail::text(maquette_model_download, get(), path.get(), options.get()));
  }
  /** Its file, in memory. */
  std::string download_bytes(const Text &options = {}) const {
    void *bytes = nullptr;
    std::size_t size = 0;
    detail::call(maquette_model_download_bytes, get(), options.get(), &bytes, &size);
    const std::unique_ptr<void, void (*)(void *)> owned(bytes, maquette_bytes_free);
    return std::string(static_cast<const char *>(bytes), size);
  }
  /** Loads a model of the same kind from files; gives what is told of it. */
  std::string upload(const std::vector<std::string> &paths) {
    return detail::text(maquette_model_upload, get(), pointers(paths).data(), static_cast<int64_t>(paths.size()));
  }
  std::string upload_bytes(std::string_view file) {
    return detail::text(maquette_model_upload_bytes, get(), file.data(), file.size());
  }

  /** Keeps this model in step with all others of the name, whatever process they are in. */
  void sync(Store &store, const Text &name, const Text &options = {}) {
    detail::call(maquette_model_sync, get(), store.get(), name.get(), options.get());
  }
  void unsync() { detail::call(maquette_model_unsync, get(), static_cast<int64_t>(MAQUETTE_FOREVER)); }
  bool unsync_for(std::chrono::milliseconds time) { return detail::waited(maquette_model_unsync, get(), time); }
  void sync_flush() { detail::call(maquette_model_sync_flush, get(), static_cast<int64_t>(MAQUETTE_FOREVER)); }
  bool sync_flush_for(std::chrono::milliseconds time) {
    return detail::waited(maquette_model_sync_flush, get(), time);
  }
  Stream sync_status() const { return Stream(maquette_model_sync_status(get())); }

 private:
  using Handle::Handle;

  static std::vector<const char *> pointers(const std::vector<std::string> &texts) {
    std::vector<const char *> found;
    found.reserve(texts.size());
    for (const std::string &text : texts) found.push_back(text.c_str());
    return found;
  }

  void start(const Dataset &dataset, const maquette_dataset *validation) {
    detail::call(maquette_model_train, get(), static_cast<const maquette_dataset *>(dataset.get()), validation);
  }
  void start(Source &source, Source *validation, Training mode) {
    maquette_rows memory{}, validation_memory{};
    maquette_source raw = source.raw(memory);
    maquette_source raw_validation = validation ? validation->raw(validation_memory) : maquette_source{};
    source.hand_over(raw); // nothing throws from here to the call
    if (validation) validation->hand_over(raw_validation);
    detail::call(maquette_model_train_source, get(), static_cast<const maquette_source *>(&raw),
                 static_cast<const maquette_source *>(validation ? &raw_validation : nullptr),
                 static_cast<int32_t>(mode));
  }
};

} // namespace maquette

#endif // MAQUETTE_MODELS_HPP
