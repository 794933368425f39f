# The addon and one static library per instruction set, each with only its own flags. Sources are found by folder: a new file is added nowhere.
{
  'target_defaults': {
    'include_dirs': ['native'],
    # common.gypi of every Node major names a C++ standard of its own.
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
    # Kernels want every register.
    'cflags!': ['-fno-omit-frame-pointer'],
    # Contraction off: fused multiply-adds are written out, so that every instruction set gives the same bits.
    'cflags_cc': ['-std=c++20', '-O3', '-ffp-contract=off', '-fvisibility=hidden', '-Wno-missing-field-initializers'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': {
        'FloatingPointModel': '0',
        'AdditionalOptions': ['/std:c++20', '/fp:contract-'],
      },
    },
  },
  'targets': [
    {
      'target_name': 'chainrule',
      'sources': [
        'native/addon.cc',
        'native/isa/dispatch.cc',
        '<!@(node -p "[\'binding\', \'training\'].flatMap(d => fs.readdirSync(\'native/\' + d).filter(f => f.endsWith(\'.cc\')).map(f => \'native/\' + d + \'/\' + f)).join(\' \')")',
      ],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      # A call into a worker that is being terminated fails; that must not throw out of a callback.
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'dependencies': ['chainrule_scalar'],
      'cflags_cc!': ['-fno-exceptions'],
      'xcode_settings': {'GCC_ENABLE_CPP_EXCEPTIONS': 'YES'},
      'msvs_settings': {'VCCLCompilerTool': {'ExceptionHandling': '1'}},
      'conditions': [
        ['target_arch=="x64"', {'dependencies': ['chainrule_avx2', 'chainrule_avx512']}],
        ['target_arch=="arm64"', {'dependencies': ['chainrule_neon']}],
        # The C++ runtime travels inside the binary and shows none of its symbols to other addons.
        ['OS=="linux"', {'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL']}],
      ],
    },
    {
      'target_name': 'chainrule_scalar',
      'type': 'static_library',
      'sources': ['native/isa/scalar.cc'],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'chainrule_avx2',
          'type': 'static_library',
          'sources': ['native/isa/avx2.cc'],
          'cflags_cc': ['-mavx2', '-mfma'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['/arch:AVX2']}},
        },
        {
          'target_name': 'chainrule_avx512',
          'type': 'static_library',
          'sources': ['native/isa/avx512.cc'],
          'cflags_cc': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl'],
          'xcode_settings': {'OTHER_CPLUSPLUSFLAGS': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl']},
          'msvs_settings': {'VCCLCompilerTool': {'AdditionalOptions': ['/arch:AVX512']}},
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'chainrule_neon',
          'type': 'static_library',
          'sources': ['native/isa/neon.cc'],
        },
      ],
    }],
  ],
}
