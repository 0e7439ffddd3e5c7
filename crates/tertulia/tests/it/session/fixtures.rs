//! What earlier versions stored is read, byte by byte as they left it.
