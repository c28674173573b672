/* The same in C++. */
#include <maquette.hpp>

#include <iostream>

int main() {
  const std::vector<float> points{0, 0, 0, 1, 5, 5, 5, 6};
  maquette::Model model("knn-classifier", R"({"k": 1, "metric": "euclidean"})");
  model.train({points, 2}, {"near", "near", "far", "far"});
  model.wait();
  const std::vector<std::string> labels = model.predict_labels({points, 2});
  std::cout << "C++: " << labels.back() << '\n';
  return labels == std::vector<std::string>{"near", "near", "far", "far"} ? 0 : 1;
}
