import MaquetteModels
import Testing
