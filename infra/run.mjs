// placeholder replaced by the bootstrap commit
