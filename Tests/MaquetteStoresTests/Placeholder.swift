import MaquetteStores
import Testing
