import MaquetteFormats
import MaquetteSystem

/// What a server says went wrong, in Maquette's terms; its own words stay in the message.
enum FeathersError {
  /// - Parameters:
  ///   - action: "GET http://…"
  ///   - name: what it was about: an id, a service.
  static func make(_ response: HTTPResponse, _ action: String, name: String) -> MaquetteError {
    let object = (try? JSON(parsing: response.body))?.object
    let words = object?["message"]?.string ?? ""
    if let redirect = response.redirect {
      return MaquetteError(
        .inputOutput,
        "\(action): the server sends elsewhere, which is not followed: open the store at \(redirect)",
        name: redirect)
    }
    switch response.status {
    case 401:
      return MaquetteError(
        .inputOutput,
        "\(action): the server wants to know who asks (401\(detail(words))): give it a token, by ?token-from=VARIABLE, "
          + "or one that is still good", name: name)
    case 404:
      return MaquetteError(
        .notFound, words.isEmpty ? "\(action): there is no such thing (404)" : words, name: name)
    default:
      return MaquetteError(
        kind(response.status), "\(action): \(status(response.status))\(detail(words))", name: name)
    }
  }

  private static func detail(_ words: String) -> String { words.isEmpty ? "" : ", " + words }

  private static func status(_ status: Int) -> String {
    switch status {
    case 403: "this is not allowed (403)"
    case 405: "the server does not do that here (405)"
    case 413: "this is more than the server takes at once (413)"
    case 429: "the server is asked too much (429)"
    default: "the server answers \(status)"
    }
  }

  private static func kind(_ status: Int) -> MaquetteError.Code {
    switch status {
    case 400, 413, 422: .invalidArgument
    case 405, 501: .unsupported
    case 408, 504: .timeout
    case 409: .conflict
    case 429: .busy
    case 507: .full
    default: .inputOutput
    }
  }
}
