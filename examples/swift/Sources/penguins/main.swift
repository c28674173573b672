// Penguins: learn to tell what one weighs from its bill, its flipper, its species and its sex.
//
//     swift run --package-path examples/swift penguins

import Maquette

let penguins = try Penguin.read("examples/data/penguins.csv")
let training = penguins.enumerated().filter { $0.offset % 5 != 4 }.map(\.element)
let test = penguins.enumerated().filter { $0.offset % 5 == 4 }.map(\.element)
print("\(training.count) penguins to learn, \(test.count) to test with")

// Millimetres are hundreds, species are 0 or 1: `standardize` brings them to one scale, and the model does the same to
// what it predicts. The training ends when 40 epochs have brought nothing, with the best one.
let network = MLPRegressor(units: [32], epochs: 500, learningRate: 0.003, seed: 1)
network.standardize = true
network.patience = 40
network.$training.subscribe { status in
  if let epoch = status.epoch, epoch % 20 == 1 { print(status) }
}
try network.train(on: try Matrix(training.map(\.features)), targets: training.map(\.mass))  // returns at once
try await network.trained()

let predicted = try network.predict(try Matrix(test.map(\.features)))
let mean = training.map(\.mass).reduce(0, +) / Float(training.count)

/// The mean absolute error of predictions, in grams.
func error(_ predict: (Int) -> Float) -> Int {
  let errors = test.indices.map { (test[$0].mass - predict($0)).magnitude }
  return Int((1000 * errors.reduce(0, +) / Float(errors.count)).rounded())
}

print("always the mean is \(error { _ in mean }) g off")
print("test error: \(error { predicted[row: $0][0] }) g")
for (row, penguin) in test.enumerated().prefix(3) {
  let grams = Int((1000 * predicted[row: row][0]).rounded())
  let sex = penguin.isMale ? "male" : "female"
  print("a \(sex) \(penguin.species) of \(Int(1000 * penguin.mass)) g is predicted \(grams) g")
}
