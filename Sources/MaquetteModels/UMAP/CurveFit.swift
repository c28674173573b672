import Glibc
import MaquetteKernels

extension Embedding.Curve {
  /// The curve that comes nearest, by least squares over 300 distances up to three times `spread`, to similarity 1 up to
  /// `minDist` and an exponential fall with `spread` from there.
  ///
  /// Source: McInnes, Healy & Melville, 2018, section 3.2; the fit by Levenberg & Marquardt's method, 1963.
  init(minDist: Double, spread: Double) {
    let distances = (0..<300).map { 3 * spread * Double($0) / 299 }
    let wanted = distances.map { $0 < minDist ? 1 : exp(-($0 - minDist) / spread) }
    // In terms of logarithms, which keep both positive.
    var (logA, logB) = (-2 * log(spread), 0.0)
    func residuals(_ logA: Double, _ logB: Double) -> Double {
      let (a, b) = (exp(logA), exp(logB))
      return zip(distances, wanted).map { x, y in
        let difference = 1 / (1 + a * pow(x, 2 * b)) - y
        return difference * difference
      }.reduce(0, +)
    }
    var damping = 1e-3
    var error = residuals(logA, logB)
    for _ in 0..<200 {
      let (a, b) = (exp(logA), exp(logB))
      var (aa, ab, bb, ga, gb) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for (x, y) in zip(distances, wanted) where x > 0 {
        let power = a * pow(x, 2 * b)
        let value = 1 / (1 + power)
        let byA = -value * value * power
        let byB = byA * 2 * b * log(x)
        let difference = value - y
        aa += byA * byA
        ab += byA * byB
        bb += byB * byB
        ga += byA * difference
        gb += byB * difference
      }
      let (p, q) = (aa * (1 + damping), bb * (1 + damping))
      let determinant = p * q - ab * ab
      guard determinant > 1e-300 else { break }
      let stepA = (q * ga - ab * gb) / determinant
      let stepB = (p * gb - ab * ga) / determinant
      let next = residuals(logA - stepA, logB - stepB)
      if next < error {
        let gain = error - next
        (logA, logB, error) = (logA - stepA, logB - stepB, next)
        damping = max(damping / 10, 1e-12)
        if gain <= 1e-15 * error { break }
      } else {
        damping *= 10
        if damping > 1e12 { break }
      }
    }
    self.init(a: Float(exp(logA)), b: Float(exp(logB)))
  }
}
