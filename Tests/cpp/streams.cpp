/* Watching by lambdas and by loops; waiting and cancelling. */
#include "test.hpp"

#include <atomic>
#include <poll.h>

using namespace maquette;
using namespace std::chrono_literals;

TEST(lambdas, "A lambda sees every epoch, may own what it captures, and is destroyed exactly once.") {
  const Corners corners;
  Model model("mlp-classifier", quick);
  auto held = std::make_unique<std::vector<int>>();
  std::vector<int> &epochs = *held;
  auto counted = std::make_shared<int>(0);
  {
    Subscription watching = model.training().subscribe([held = std::move(held), counted](const Event &event) {
      const maquette_training_status now = event.training();
      if (now.status == MAQUETTE_TRAINING_EPOCH) held->push_back(now.epoch);
      CHECK(event.json().front() == '{' && event.json().back() == '}');
    });
    model.train({corners.features, 2}, corners.labels);
    model.wait();
    CHECK(!epochs.empty() && epochs.back() == 12);
    CHECK(counted.use_count() == 2);
    Subscription moved = std::move(watching);
    CHECK(counted.use_count() == 2);
  }
  CHECK(counted.use_count() == 1);
}

TEST(failing, "A subscription that fails destroys its function, too.") {
  auto counted = std::make_shared<int>(0);
  std::optional<Stream> stale;
  {
    Model model("pca");
    stale = model.training();
  }
  THROWS(stale->subscribe([counted](const Event &) {}), MAQUETTE_E_BAD_HANDLE);
  CHECK(counted.use_count() == 1);
}

TEST(loops, "A loop over a training's events ends with the training.") {
  const Corners corners;
  Model model("mlp-classifier", quick);
  Events events = model.training_events();
  model.train({corners.features, 2}, corners.labels);
  int last = 0;
  for (const Event &event : events) last = event.training().status;
  CHECK(last == MAQUETTE_TRAINING_SUCCESS);
  CHECK(events.has_ended() && !events.next());
}

TEST(pulling, "Events are taken out one by one, within a time, or when their descriptor is readable.") {
  const Corners corners(4);
  Store store("memory:");
  Dataset dataset(store, "points");
  Events events = dataset.counts().events();
  std::optional<Event> event = events.next();
  REQUIRE(event);
  CHECK(event->json() == "0");
  CHECK(!events.next(0ms) && !events.has_ended());
  dataset.append({corners.features, 2}, corners.labels);
  pollfd descriptor{events.descriptor(), POLLIN, 0};
  CHECK(poll(&descriptor, 1, 60000) == 1);
  event = events.next(60s);
  REQUIRE(event);
  CHECK(event->json() == "4");
  dataset.close();
  CHECK(!events.next() && events.has_ended());
}

TEST(parameters, "A parameter is a stream that is read and set.") {
  Model model("mlp-classifier");
  model.set("epochs", "7");
  CHECK(model.parameter("epochs").value() == "7");
  CHECK(model.parameters().find("\"epochs\":7") != std::string::npos);
  THROWS(model.set("epochs", "-1"), MAQUETTE_E_BAD_PARAMETER);
  THROWS(model.training().set("1"), MAQUETTE_E_READ_ONLY);
}

TEST(cancelling, "A training is waited for, for a while, and cancelled.") {
  const Corners corners;
  Model model("mlp-classifier", R"({"epochs": 1000000, "layers": [8], "seed": 1})");
  model.train({corners.features, 2}, corners.labels);
  CHECK(!model.wait_for(0ms) && model.is_training());
  THROWS(model.train({corners.features, 2}, corners.labels), MAQUETTE_E_BUSY);
  model.cancel();
  THROWS(model.wait(), MAQUETTE_E_CANCELLED);
  model.train({corners.features, 2}, corners.labels);
  model.cancel_keeping_best();
  THROWS(model.wait_for(60s), MAQUETTE_E_CANCELLED);
}

TEST(embedding, "An event of umap brings the embedding as a view.") {
  const Corners corners(60);
  Model model("umap", R"({"epochs": 5, "seed": 1})");
  std::atomic<int64_t> rows{0};
  Subscription watching = model.training().subscribe([&rows](const Event &event) {
    if (const std::optional<View> matrix = event.matrix()) rows = matrix->rows();
  });
  model.train(Source(Rows{{corners.features, 2}}));
  model.wait();
  CHECK(rows == 60);
}

int main(int count, char **arguments) { return test_main(count, arguments); }
