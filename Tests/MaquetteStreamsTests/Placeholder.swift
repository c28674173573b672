import MaquetteStreams
import Testing
