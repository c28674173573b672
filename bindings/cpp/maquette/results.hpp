/** @file results.hpp  Batch predictions, metrics, and the history of trainings. */
#ifndef MAQUETTE_RESULTS_HPP
#define MAQUETTE_RESULTS_HPP

#include "models.hpp"

namespace maquette {

/* ------------------------------------------------------------------------------------------------------------------
 * Batch prediction
 * --------------------------------------------------------------------------------------------------------------- */

/** The predictions of a batch as they were at one moment, in the order they were made. */
class Predictions : public detail::Handle<maquette_predictions, maquette_predictions_destroy> {
 public:
  using Handle::Handle;

  /** The confidences of each label or cluster, or the numbers that were predicted. */
  Matrix<float> values() const { return detail::matrix(maquette_predictions_values, get()); }
  /** The numbers that the instances have as `y`. */
  Matrix<float> targets() const { return detail::matrix(maquette_predictions_targets, get()); }
  /** {"answer", "outputs", "predicted", "true"}: the names that the columns and the codes stand for. */
  std::string names() const {
    int32_t *const none = nullptr;
    return detail::text(maquette_predictions_labels, get(), none, none);
  }
  /** Of each row the index into "predicted" of names(), and into "true"; -1 for none. */
  std::pair<std::vector<int32_t>, std::vector<int32_t>> codes() const {
    std::pair<std::vector<int32_t>, std::vector<int32_t>> codes{rows(), rows()};
    detail::call(maquette_predictions_labels, get(), codes.first.data(), codes.second.data(),
                 static_cast<char **>(nullptr));
    return codes;
  }
  /** Of the instances. */
  std::vector<std::string> ids() const {
    std::string joined(rows() * 24, '\0');
    detail::call(maquette_predictions_ids, get(), joined.data());
    std::vector<std::string> ids;
    for (std::size_t place = 0; place < joined.size(); place += 24) ids.push_back(joined.substr(place, 24));
    return ids;
  }

 private:
  std::size_t rows() const {
    maquette_matrix shape{sizeof shape, nullptr, 0, 0, 0, 0, MAQUETTE_F32, 0};
    detail::call(maquette_predictions_values, get(), &shape);
    return static_cast<std::size_t>(shape.rows);
  }
};

/** Predicts all instances of a dataset and keeps the predictions in a store. */
class BatchPrediction : public detail::Handle<maquette_batch_prediction, maquette_batch_prediction_destroy> {
 public:
  BatchPrediction(Store &store, const Text &name)
      : Handle(detail::result<maquette_batch_prediction *>(maquette_batch_prediction_open, store.get(), name.get())) {}

  /** Starts and returns at once. `resume`: only what is missing. `input_field`: `x` unless given. */
  void predict(const Model &model, const Dataset &dataset, bool resume = false, const Text &input_field = {}) {
    maquette_batch_options options{};
    options.struct_size = sizeof options;
    options.input_field = input_field.get();
    options.resume = resume;
    detail::call(maquette_batch_prediction_predict, get(), static_cast<const maquette_model *>(model.get()),
                 static_cast<const maquette_dataset *>(dataset.get()),
                 static_cast<const maquette_batch_options *>(&options));
  }
  void wait() const { detail::call(maquette_batch_prediction_wait, get(), static_cast<int64_t>(MAQUETTE_FOREVER)); }
  bool wait_for(std::chrono::milliseconds time) const {
    return detail::waited(maquette_batch_prediction_wait, get(), time);
  }
  bool is_running() const { return detail::result<int32_t>(maquette_batch_prediction_is_running, get()) != 0; }
  void cancel() { detail::check(maquette_batch_prediction_cancel(get())); }
  void clear() { detail::call(maquette_batch_prediction_clear, get()); }
  int64_t count() const { return detail::result<int64_t>(maquette_batch_prediction_count, get()); }
  /** Event::batch() reads its events. */
  Stream status() const { return Stream(maquette_batch_prediction_status(get())); }
  Predictions results() const {
    return Predictions(detail::result<maquette_predictions *>(maquette_batch_prediction_results, get()));
  }
};

/* ------------------------------------------------------------------------------------------------------------------
 * Metrics
 * --------------------------------------------------------------------------------------------------------------- */

/** A confusion matrix that can be watched. */
class Confusion : public detail::Handle<maquette_confusion, maquette_confusion_destroy> {
 public:
  /** Of a batch prediction, and kept up with it. */
  explicit Confusion(const BatchPrediction &batch)
      : Handle(detail::result<maquette_confusion *>(maquette_confusion_open, batch.get())) {}
  /** Of two columns of labels. */
  Confusion(const Labels &truth, const Labels &predicted)
      : Handle(detail::result<maquette_confusion *>(maquette_confusion_create, truth.get(truth.size()),
                                                    predicted.get(truth.size()), truth.size())) {}

  /** [{"x": predicted, "y": true, "v": count}, …] */
  Stream cells() const { return Stream(maquette_confusion_cells(get())); }
  Stream accuracy() const { return Stream(maquette_confusion_accuracy(get())); }
  /** Precision, recall, F1 and so on, a JSON object. */
  std::string scores() const { return detail::text(maquette_confusion_scores, get()); }
  void recount() { detail::call(maquette_confusion_recount, get()); }
};

/** Absolute and squared error, and R². */
inline maquette_regression_scores regression_scores(const View &truth, const View &predicted) {
  maquette_regression_scores scores{};
  scores.struct_size = sizeof scores;
  detail::call(maquette_metrics_regression, truth.get(), predicted.get(), &scores);
  return scores;
}

/** The cross-entropy of confidences, whose columns `labels` names. */
inline double log_loss(const Labels &truth, const View &confidences, const Labels &labels) {
  return detail::result<double>(maquette_metrics_log_loss, truth.get(confidences.rows()), confidences.get(),
                                labels.get(confidences.cols()));
}

/* ------------------------------------------------------------------------------------------------------------------
 * Training history
 * --------------------------------------------------------------------------------------------------------------- */

/** Makes the trainings of a model runs, until it is destroyed. */
using Tracking = detail::Handle<maquette_tracking, maquette_tracking_destroy>;

/** The runs of a store. */
class History : public detail::Handle<maquette_history, maquette_history_destroy> {
 public:
  explicit History(Store &store) : Handle(detail::result<maquette_history *>(maquette_history_open, store.get())) {}

  [[nodiscard]] Tracking track(Model &model, const Text &basename = {}, const Text &options = {}) {
    return Tracking(detail::result<maquette_tracking *>(maquette_history_track, get(), model.get(), basename.get(),
                                                        options.get()));
  }
  /** Waits until all that was reported is in the store. */
  void flush() { detail::call(maquette_history_flush, get(), static_cast<int64_t>(MAQUETTE_FOREVER)); }
  bool flush_for(std::chrono::milliseconds time) { return detail::waited(maquette_history_flush, get(), time); }

  /** A page of runs, as JSON. */
  std::string runs(const Text &query = {}) const { return detail::text(maquette_history_runs, get(), query.get()); }
  std::string run(const Text &id_or_name) const { return detail::text(maquette_history_run, get(), id_or_name.get()); }
  /** `runs`: a JSON array of ids or names. */
  std::string compare(const Text &runs) const { return detail::text(maquette_history_compare, get(), runs.get()); }
  /** Loads the last checkpoint of a run, or the one that is named. */
  std::string restore(const Text &id_or_name, Model &model, const Text &checkpoint = {}) const {
    return detail::text(maquette_history_restore, get(), id_or_name.get(), checkpoint.get(), model.get());
  }
  std::string remove(const Text &id_or_name, bool with_checkpoints = false) {
    return detail::text(maquette_history_remove, get(), id_or_name.get(), static_cast<int32_t>(with_checkpoints));
  }
  Stream changes() const { return Stream(maquette_history_changes(get())); }
};

} // namespace maquette

#endif // MAQUETTE_RESULTS_HPP
