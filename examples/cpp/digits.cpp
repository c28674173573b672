/* Handwritten digits in C++17: fill a dataset, train while watching, test, save the model and load it again.
 *
 *     g++ -std=c++17 examples/cpp/digits.cpp $(pkg-config --cflags --libs maquette) -o build/digits-cpp
 *     build/digits-cpp [STORE]
 *
 * To be started in the folder of the repository. STORE is where dataset and model live, `sqlite:build/digits-cpp.db`
 * unless given. */
#include <maquette.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

constexpr int64_t pixels = 64;

struct Digits {
  std::vector<float> features;
  std::vector<std::string> labels;
};

/* Every fifth line is for testing, the others for training. A line is 64 pixels from 0 to 16, then the digit. */
static std::pair<Digits, Digits> read_digits(const std::string &path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + " can't be read; start this in the folder of the repository");
  Digits training, test;
  std::string line;
  for (int number = 0; std::getline(file, line); number++) {
    Digits &part = number % 5 == 4 ? test : training;
    std::istringstream values(line);
    std::string value;
    for (int64_t pixel = 0; pixel < pixels && std::getline(values, value, ','); pixel++)
      part.features.push_back(std::stof(value) / 16);
    if (!std::getline(values, value)) throw std::runtime_error(path + " has a line that is too short");
    part.labels.push_back(value);
  }
  return {training, test};
}

static void run(const std::string &location) {
  const auto [training, test] = read_digits("examples/data/digits.csv");

  /* 1. A dataset in a store. An earlier run may have left its rows there. The vector is a matrix with 64 columns. */
  maquette::Store store(location);
  maquette::Dataset dataset(store, "digits");
  dataset.clear();
  dataset.append({training.features, pixels}, training.labels);
  std::cout << dataset.count() << " digits in " << location << '\n';

  /* 2. A model and its training. The lambda runs on a thread of Maquette's, until `watching` goes. */
  maquette::Model classifier("mlp-classifier", R"({"layers": [64, 32], "epochs": 20, "seed": 1})");
  {
    const auto watching = classifier.training().subscribe([](const maquette::Event &event) {
      const maquette_training_status now = event.training();
      if (now.status == MAQUETTE_TRAINING_EPOCH)
        std::printf("epoch %2d/%d  loss %.3f  accuracy %.3f  validation loss %.3f  accuracy %.3f\n", now.epoch,
                    now.epochs, now.loss, now.accuracy, now.loss_val, now.accuracy_val);
    });
    classifier.train(dataset); // returns at once
    classifier.wait();
  }

  /* 3. How well it reads digits it has never seen. */
  const std::vector<std::string> answers = classifier.predict_labels({test.features, pixels});
  std::size_t right = 0;
  for (std::size_t row = 0; row < answers.size(); row++) right += answers[row] == test.labels[row];
  std::printf("test accuracy: %.2f %%\n", 100.0 * static_cast<double>(right) / static_cast<double>(answers.size()));

  /* 4. Saved, and loaded into another model, which answers the same. */
  classifier.save(store, "digits");
  maquette::Model loaded("mlp-classifier");
  loaded.load(store, "digits");
  if (loaded.predict_labels({test.features, pixels}) != answers)
    throw std::runtime_error("the model that was loaded answers something else");
}

int main(int count, char **arguments) try {
  run(count > 1 ? arguments[1] : "sqlite:build/digits-cpp.db");
} catch (const maquette::Error &error) {
  std::cerr << error.status_name() << ": " << error.what() << '\n';
  return EXIT_FAILURE;
} catch (const std::exception &error) {
  std::cerr << error.what() << '\n';
  return EXIT_FAILURE;
}
