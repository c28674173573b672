import MaquetteSystem
import Testing
