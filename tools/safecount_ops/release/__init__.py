"""The release side: keys, bundles, and the repository of releases that devices believe."""
