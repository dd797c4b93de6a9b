replay = None
