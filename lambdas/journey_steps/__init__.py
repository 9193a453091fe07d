"""Does what a journey needs to know people for: chooses ways, draws lots, asks for tasks, notes who waits."""
