import MaquetteFormats
import Testing
