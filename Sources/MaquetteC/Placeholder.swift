import CMaquette
