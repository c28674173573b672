/* Training from everywhere, predicting, saving, batch prediction, metrics, history. */
#include "test.hpp"

#include <algorithm>
#include <numeric>
#include <thread>

using namespace maquette;
using namespace std::chrono_literals;

static bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

/* The thread of a training may let go of its function a moment after the training has ended. */
static bool becomes_unique(const std::shared_ptr<int> &counted) {
  for (int tries = 0; tries < 600000 && counted.use_count() > 1; tries++)
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  return counted.use_count() == 1;
}

static Model trained(const Corners &corners) {
  Model model("mlp-classifier", quick);
  model.train({corners.features, 2}, corners.labels);
  model.wait();
  return model;
}

TEST(predicting, "A classifier gives confidences, labels and JSON, into memory of the caller's too.") {
  const Corners corners;
  const Model model = trained(corners);
  CHECK(model.kind() == "mlp-classifier" && model.feature_count() == 2 && model.output_count() == 3);
  CHECK(model.label_count() == 3 && model.label(2) == corners.labels[2]);
  CHECK((model.labels() == std::vector<std::string>{corners.labels[0], corners.labels[1], corners.labels[2]}));
  const Matrix<float> confidences = model.predict({corners.features, 2});
  CHECK(std::abs(std::accumulate(confidences[0], confidences[1], 0.0f) - 1) < 1e-5f);
  CHECK(model.predict_labels({corners.features, 2}) == corners.labels);
  double row[3] = {};
  model.predict({corners.features.data(), 1, 2}, {row, 1, 3});
  CHECK(std::abs(row[0] - static_cast<double>(confidences[0][0])) < 1e-6);
  CHECK(contains(model.predict_json({corners.features.data(), 1, 2}), "\"confidences\""));
  THROWS(model.predict({corners.features, 4}), MAQUETTE_E_BAD_SHAPE);
  THROWS(Model("pca").predict({corners.features, 2}), MAQUETTE_E_NOT_TRAINED);
}

TEST(sources, "Models learn from datasets, queries, matrices, and functions that give blocks.") {
  const Corners corners;
  Store store("memory:");
  Dataset dataset(store, "points");
  dataset.append({corners.features, 2}, corners.labels);
  Model model("mlp-classifier", quick);
  model.train(dataset);
  model.wait();
  const std::vector<std::string> all = model.labels();
  model.train(dataset, dataset);
  model.wait();
  model.train({corners.features, 2}, corners.labels, {corners.features, 2}, corners.labels);
  model.wait();
  model.train({dataset, R"({"y": {"$ne": "left"}})"});
  model.wait();
  CHECK(model.label_count() == 2);
  auto counted = std::make_shared<int>(0);
  model.train([&corners, counted](int64_t, int64_t block) -> std::optional<Rows> {
    if (block == 2) return std::nullopt;
    ++*counted;
    std::vector<const char *> labels; // the texts are the caller's
    for (std::size_t row = 0; row < 60; row++)
      labels.push_back(corners.labels[static_cast<std::size_t>(block) * 60 + row].c_str());
    return Rows{{corners.features.data() + block * 120, 60, 2}, labels};
  });
  THROWS(model.wait(), MAQUETTE_OK);
  CHECK(*counted >= 2 && becomes_unique(counted));
  CHECK(model.labels() == all);
}

TEST(reading, "What a function throws ends the training with its status, and the function is destroyed.") {
  Model model("mlp-classifier", quick);
  auto counted = std::make_shared<int>(0);
  const auto learn = [&](auto fail) {
    model.train([fail, counted](int64_t, int64_t) -> std::optional<Rows> { return fail(), std::nullopt; });
    model.wait();
  };
  THROWS(learn([] { throw Error(MAQUETTE_E_NOT_FOUND, "no such file"); }), MAQUETTE_E_NOT_FOUND);
  THROWS(learn([] { throw std::bad_alloc(); }), MAQUETTE_E_OUT_OF_MEMORY);
  THROWS(learn([] { throw 1; }), MAQUETTE_E_IO);
  CHECK(becomes_unique(counted));
  Store store("memory:");
  Dataset closed(store, "closed");
  closed.close();
  THROWS(model.train(closed, [counted](int64_t, int64_t) { return std::optional<Rows>(); }), MAQUETTE_E_INVALID_ARGUMENT);
  CHECK(becomes_unique(counted));
}

TEST(continuing, "A training goes on from where it was, a model is cloned and forgets.") {
  const Corners corners;
  Model model = trained(corners);
  model.train(Rows{{corners.features, 2}, corners.labels}, Training::continuing);
  model.wait();
  const Model clone = model.clone();
  model.forget();
  THROWS(model.labels(), MAQUETTE_E_NOT_TRAINED);
  CHECK(clone.predict_labels({corners.features, 2}) == corners.labels);
}

TEST(kinds, "Regression, neighbours, clusters and components have their figures.") {
  const Corners corners;
  std::vector<float> sums;
  for (std::size_t i = 0; i < corners.features.size(); i += 2) sums.push_back(corners.features[i] + corners.features[i + 1]);
  Model regressor("knn-regressor", R"({"k": 1, "metric": "euclidean"})");
  regressor.train(Rows{{corners.features, 2}, {}, {sums, 1}});
  regressor.wait();
  CHECK(regression_scores({sums, 1}, regressor.predict({corners.features, 2})).mean_absolute_error < 1e-6);
  Neighbours nearest = regressor.neighbours({corners.features.data() + 2, 1, 2}, 3);
  CHECK(nearest.ids.at(0) == 1 && nearest.distances[0][0] == 0 && nearest.distances[0][2] > 0);
  regressor.remove({1});
  CHECK(regressor.neighbours({corners.features.data() + 2, 1, 2}, 1).ids.at(0) != 1);

  Model clusters("kmeans-clustering", R"({"k": 3, "seed": 1})");
  clusters.train(Rows{{corners.features, 2}});
  clusters.wait();
  const Matrix<float> centers = clusters.attribute("centers");
  CHECK(centers.rows() == 3 && centers.cols() == 2 && contains(clusters.stream("centers").value(), "[["));

  Model components("pca", R"({"nComponents": 2})");
  components.train(Rows{{corners.features, 2}});
  components.wait();
  const Matrix<float> back = components.inverse(components.predict({corners.features, 2}));
  for (int row = 0; row < 120; row++)
    for (int col = 0; col < 2; col++)
      CHECK(std::abs(back[row][col] - corners.features[static_cast<std::size_t>(2 * row + col)]) < 1e-4f);
  const std::vector<std::string> names = components.attributes();
  CHECK(std::find(names.begin(), names.end(), "components") != names.end());
  CHECK(contains(Model::schema("pca"), "nComponents"));
  CHECK(Model::kinds().size() >= 7);
}

TEST(saving, "Models are saved, loaded, listed, kept in step and removed.") {
  const Corners corners;
  Store store("memory:");
  Model model = trained(corners);
  const std::string id = model.save(store, "corners", R"({"by": "test"})");
  CHECK(model.save(store, "corners", {}, id) == id);
  Model loaded("mlp-classifier"), synced("mlp-classifier");
  CHECK(contains(loaded.load(store, "corners"), id.c_str()));
  CHECK(loaded.predict_labels({corners.features, 2}) == corners.labels);
  const std::string file = model.download_bytes();
  CHECK(contains(loaded.upload_bytes(file), "mlp-classifier"));
  CHECK(Model::open_bytes(file).predict_labels({corners.features, 2}) == corners.labels);
  THROWS(Model::open_bytes(std::string_view(file).substr(0, 20)), MAQUETTE_E_BAD_FORMAT);
  THROWS(Model::open_files({"/nowhere/model.safetensors"}), MAQUETTE_E_IO);
  THROWS(loaded.upload({"/nowhere/model.safetensors"}), MAQUETTE_E_IO);
  THROWS(model.download("/nowhere/model.safetensors"), MAQUETTE_E_IO);
  synced.sync(store, "corners", R"({"history": 2})");
  CHECK(synced.label_count() == 3 && contains(synced.sync_status().value(), "loaded"));
  synced.sync_flush();
  CHECK(synced.sync_flush_for(60s) && synced.unsync_for(60s));
  synced.unsync();
  model.save_version(store, "corners", 1);
  CHECK(contains(store.models("mlp-classifier", "corners"), "\"checksum\"") && !contains(store.models(), id.c_str()));
  CHECK(contains(store.remove_models("corners"), "mlp-classifier"));
  THROWS(loaded.load(store, "corners"), MAQUETTE_E_NOT_FOUND);
}

TEST(batches, "A dataset is predicted, and the confusion keeps up.") {
  const Corners corners;
  Store store("memory:");
  Dataset dataset(store, "points");
  dataset.append({corners.features, 2}, corners.labels);
  const Model model = trained(corners);
  BatchPrediction batch(store, "all");
  Confusion confusion(batch);
  Events events = batch.status().events();
  batch.predict(model, dataset);
  batch.wait();
  CHECK(!batch.is_running() && batch.wait_for(0ms) && batch.count() == 120);
  int last = 0;
  while (last != MAQUETTE_BATCH_SUCCESS) {
    const std::optional<Event> event = events.next(60s);
    REQUIRE(event);
    last = event->batch().status;
  }
  const Predictions predictions = batch.results();
  const auto [predicted, truth] = predictions.codes();
  CHECK(predictions.values().rows() == 120 && predicted.size() == 120 && truth.back() >= 0);
  CHECK(contains(predictions.names(), "\"answer\":\"label\""));
  const std::vector<std::string> ids = predictions.ids();
  CHECK(ids.size() == 120 && contains(dataset.get_instance(ids.at(7)), "\"x\""));
  THROWS(predictions.targets(), MAQUETTE_E_NOT_FOUND);
  confusion.recount();
  CHECK(confusion.accuracy().value() == "1" || confusion.accuracy().value() == "1.0");
  CHECK(contains(confusion.scores(), "\"f1\"") && contains(confusion.cells().value(), "\"v\":40"));
  batch.predict(model, dataset, true);
  batch.wait();
  batch.cancel();
  batch.clear();
  CHECK(batch.count() == 0);
}

TEST(metrics, "Columns of labels make a confusion matrix and a log loss.") {
  const std::vector<std::string> truth{"a", "b", "a"}, predicted{"a", "a", "a"};
  CHECK(contains(Confusion(truth, predicted).scores(), "\"total\":3"));
  THROWS(Confusion(truth, {"a"}), MAQUETTE_E_BAD_SHAPE);
  const std::vector<double> confidences{0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
  CHECK(std::abs(log_loss(truth, {confidences, 2}, {"a", "b"}) - std::log(2.0)) < 1e-9);
}

TEST(history, "Trainings become runs, which are listed, compared, restored and removed.") {
  const Corners corners;
  Store store("memory:");
  History history(store);
  Model model("mlp-classifier", quick);
  {
    const Tracking tracking = history.track(model, "corners");
    for (int i = 0; i < 2; i++) {
      model.train({corners.features, 2}, corners.labels);
      model.wait();
    }
    history.flush();
    CHECK(history.flush_for(60s));
  }
  CHECK(contains(history.runs(), "\"total\":2") && contains(history.run("corners-1"), "\"success\""));
  CHECK(contains(history.compare(R"(["corners-1", "corners-2"])"), "\"bestRun\""));
  Model restored("mlp-classifier");
  CHECK(contains(history.restore("corners-2", restored), "corners-2@final"));
  CHECK(restored.predict_labels({corners.features, 2}) == corners.labels);
  history.remove("corners-1", true);
  CHECK(contains(history.changes().value(), "removed") && contains(history.runs(), "\"total\":1"));
}

int main(int count, char **arguments) { return test_main(count, arguments); }
