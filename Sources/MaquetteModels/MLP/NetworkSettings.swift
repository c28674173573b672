public import MaquetteFormats
import MaquetteKernels

/// The rule by which weights move.
public enum OptimizerRule: String, ParameterChoice { case adam, sgd }

/// What the hidden units do to their sums.
public enum HiddenActivation: String, ParameterChoice {
  case relu, tanh, sigmoid

  var kernel: Activation {
    switch self {
    case .relu: .relu
    case .tanh: .tanh
    case .sigmoid: .sigmoid
    }
  }
}

/// Where the weights of a network start.
public enum WeightInitializer: String, ParameterChoice {
  /// Normal around 0, narrower the more inputs and outputs a layer has, biases 0: Glorot & Bengio, "Understanding the
  /// difficulty of training deep feedforward neural networks", 2010. Cut off at two standard deviations and not
  /// stretched again, as TensorFlow.js, and so Marcelle, has it.
  case glorotNormal = "glorot-normal"
  /// Weights and biases uniform within ±1 / √inputs: the heuristic that the same paper begins with, and PyTorch's
  /// default. Starts wide layers smaller, which often generalises better after few epochs.
  case fanInUniform = "fan-in-uniform"
}

/// How much the rows of a label count in the loss.
public enum ClassWeights: Sendable, Equatable {
  /// All rows the same.
  case none
  /// The fewer rows a label has, the more each of them: rows / (labels · rows of the label), as in scikit-learn.
  case balanced
  /// By label; one that is left out counts 1.
  case labels([String: Double])
}

extension ClassWeights: ParameterValue {
  public static var typeName: String { "classWeights" }
  public static var choices: [String] { ["none", "balanced"] }

  public init?(json: JSON) {
    switch json {
    case .string("none"): self = .none
    case .string("balanced"): self = .balanced
    case .object(let object):
      var weights: [String: Double] = [:]
      for (label, weight) in object.members {
        guard let weight = weight.number else { return nil }
        weights[label] = weight
      }
      self = .labels(weights)
    default: return nil
    }
  }

  public var json: JSON {
    switch self {
    case .none: "none"
    case .balanced: "balanced"
    case .labels(let weights):
      .object(JSONObject(weights.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }))
    }
  }

  public var numbers: [Double] {
    if case .labels(let weights) = self { Array(weights.values) } else { [] }
  }
}

/// The parameters of a network, frozen for one training.
struct NetworkSettings: Sendable {
  var layers: [Int]
  var epochs = 20
  var batchSize = 8
  var validationSplit = 0.2
  var learningRate = 0.001
  var seed = 0
  var optimizer = OptimizerRule.adam
  var momentum = 0.9
  var activation = HiddenActivation.relu
  var initializer = WeightInitializer.glorotNormal
  var l2 = 0.0
  var dropout = 0.0
  var patience = 0
  var standardize = false
  var classWeights = ClassWeights.none

  /// A rule at its first step.
  var rule: Optimizer {
    Optimizer(
      optimizer == .adam ? .adam : .descent(momentum: momentum), learningRate: learningRate,
      // The derivative of l2 · w².
      decay: 2 * l2)
  }
}
