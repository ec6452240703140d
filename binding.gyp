# The conventional door for `node-gyp rebuild`; CMakeLists.txt has the build.
{
  "targets": [
    {
      "target_name": "preload",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/preload.node"],
          "action": ["node", "scripts/node-gyp.cjs"]
        }
      ]
    }
  ]
}
