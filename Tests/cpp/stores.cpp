/* Services, datasets, views, files and saved models. */
#include "test.hpp"

using namespace maquette;

static bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

/* The value of the first member of that name, a string. */
static std::string member(const std::string &json, const std::string &name) {
  const std::size_t start = json.find("\"" + name + "\":\"") + name.size() + 4;
  return json.substr(start, json.find('"', start) - start);
}

TEST(services, "Documents are created, found, changed, counted, watched and removed.") {
  Store store("memory:");
  Service notes(store, "notes");
  Events events = notes.events().events();
  const std::string id = member(notes.create(R"({"text": "one", "n": 1})"), "id");
  notes.create(R"([{"text": "two", "n": 2}, {"text": "three", "n": 3}])");
  CHECK(notes.count() == 3 && notes.count(R"({"n": {"$gt": 1}})") == 2);
  CHECK(contains(notes.get_document(id), "\"one\""));
  CHECK(contains(notes.patch(id, R"({"text": "uno"})"), "\"uno\""));
  CHECK(contains(notes.update(id, R"({"text": "eins", "n": 1})"), "\"eins\""));
  CHECK(notes.patch_matching(R"({"n": 3})", R"({"n": 4})").front() == '[');
  CHECK(contains(notes.distinct("n"), "4"));
  CHECK(contains(notes.find(R"({"n": 4})"), "\"total\":1"));
  CHECK(notes.remove_matching(R"({"n": 4})").front() == '[');
  CHECK(contains(notes.remove(id), "\"eins\""));
  THROWS(notes.get_document(id), MAQUETTE_E_NOT_FOUND);
  CHECK(store.services() == std::vector<std::string>{"notes"});
  const std::optional<Event> event = events.next(std::chrono::seconds(60));
  CHECK(event && contains(std::string(event->json()), "created"));
}

TEST(items, "A loop reads all documents, block after block.") {
  Store store("memory:");
  Service notes(store, "notes");
  std::string many = "[{}";
  for (int i = 1; i < 600; i++) many += ",{}";
  notes.create(many + "]");
  std::size_t blocks = 0, documents = 0;
  for (const std::string &block : notes.items()) {
    blocks++;
    for (std::size_t at = block.find("\"id\""); at != std::string::npos; at = block.find("\"id\"", at + 1)) documents++;
  }
  CHECK(blocks >= 3 && documents == 600);
}

TEST(datasets, "Instances are added, changed, found, sifted, and read as a matrix.") {
  const Corners corners;
  Store store("memory:");
  Dataset dataset(store, "points");
  dataset.append({corners.features, 2}, corners.labels);
  CHECK((dataset.shape() == std::pair<int64_t, int64_t>(120, 2)));
  CHECK(dataset.count(R"({"y": "left"})") == 40);
  SiftedDataset left = dataset.sift(R"({"y": "left"})");
  const std::string id = member(dataset.create(R"({"x": [0, 0], "y": "left"})"), "id");
  CHECK(left.count() == 41 && contains(left.find("{\"$limit\": 1}"), "\"total\":41"));
  CHECK(contains(dataset.patch(id, R"({"y": "right"})"), "right") && left.count() == 40);
  CHECK(contains(dataset.update(id, R"({"x": [1, 1], "y": "up"})"), "up"));
  CHECK(contains(dataset.get_instance(id), "up") && contains(dataset.distinct("y"), "up"));
  CHECK(!contains(dataset.distinct("y", R"({"y": "left"})"), "up"));
  dataset.patch_matching(R"({"y": "up"})", R"({"note": true})");
  CHECK(contains(dataset.find(R"({"note": true})"), "\"total\":1"));
  CHECK(contains(dataset.remove(id), "up"));
  dataset.remove_matching(R"({"y": "right"})");
  const Instances all = dataset.read();
  CHECK(all.features.rows() == 80 && all.labels.size() == 2);
  CHECK(all.features[0][0] == corners.features[0] && all.features[0][1] == corners.features[1]);
  dataset.clear();
  CHECK(dataset.read().features.size() == 0);
}

TEST(targets, "Numbers to be learnt go in beside the features, images with their shape.") {
  const std::vector<float> features{0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<double> targets{0.5, 1.5};
  Store store("memory:");
  Dataset numbers(store, "numbers"), images(store, "images");
  numbers.append_targets({features, 4}, {targets, 1});
  const Matrix<float> read = numbers.targets();
  CHECK(read.rows() == 2 && read.cols() == 1 && read[1][0] == 1.5f);
  images.append_shaped({features, 4}, {2, 2}, {"a", "b"});
  CHECK(contains(images.find(), "[[0,1],[2,3]]"));
  THROWS(images.append_shaped({features, 4}, {3, 2}), MAQUETTE_E_BAD_SHAPE);
}

TEST(files, "Datasets go into files, texts and Arrow's streams, and come back.") {
  const Corners corners;
  char folder[] = "/tmp/maquette-cpp-XXXXXX";
  REQUIRE(mkdtemp(folder));
  const std::string base = folder;
  Store store("memory:");
  Dataset dataset(store, "points"), json(store, "json"), text(store, "text"), csv(store, "csv"), arrow(store, "arrow");
  dataset.append({corners.features, 2}, corners.labels);
  CHECK(dataset.download(base + "/points.json") == 120 && json.upload(base + "/points.json") == 120);
  CHECK(text.upload_text(dataset.download_text()) == 120);
  CHECK(dataset.export_csv(base + "/points.csv") == 120 && csv.import_csv(base + "/points.csv") == 120);
  ArrowArrayStream stream = dataset.export_arrow();
  CHECK(arrow.import_arrow(stream) == 120);
  const Instances original = dataset.read();
  for (const Dataset *copy : {&json, &text, &csv, &arrow}) {
    const Instances read = copy->read();
    CHECK(read.labels == original.labels && read.codes == original.codes);
  }
  Dataset train(store, "train"), test(store, "test");
  dataset.split(train, test, R"({"share": 0.75})");
  CHECK(train.count() == 90 && test.count() == 30);
  {
    Store file("sqlite:" + base + "/store.db");
    Dataset(file, "points").append({corners.features, 2}, corners.labels);
    file.backup(base + "/copy.db");
  }
  Store copy("sqlite:" + base + "/copy.db");
  CHECK(Dataset(copy, "points").count() == 120);
  copy.close();
  CHECK(system(("rm -r " + base).c_str()) == 0);
}

int main(int count, char **arguments) { return test_main(count, arguments); }
