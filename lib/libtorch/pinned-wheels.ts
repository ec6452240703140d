import type { PinnedTorch, PinnedWheel } from './pins.ts';

// Written by scripts/pin-libtorch.mjs, from whole wheels that had the sha256 of the package index.

const WHEELS = {
  'torch 2.11.0': {
    name: 'torch', version: '2.11.0', fileBytes: 530604548, cpu: [132991825, 492091769], cuda: [503800507, 1039119834],
    file: 'torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a', record: 'hrEd6egeN4_jjWhkTlgbmME4SU1nGXuUuhLq3ivoNuc',
  },
  'nvidia-cublas 13.1.0.3': {
    name: 'nvidia-cublas', version: '13.1.0.3', fileBytes: 423133236, cpu: null, cuda: [424131275, 596570342],
    file: 'nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl',
    sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171', record: 'NaMb-fXU-nCcY6Enw7BlHzzP7EYsQiz4v12elkMB3lk',
  },
  'nvidia-cuda-cupti 13.0.85': {
    name: 'nvidia-cuda-cupti', version: '13.0.85', fileBytes: 10715597, cpu: [2551197, 4211470], cuda: [11558652, 44008214],
    file: 'nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl',
    sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8', record: '-K6N3OhfjjGauskOlWv0WlcuMfT_Aa8tY083qj144-s',
  },
  'nvidia-cuda-nvrtc 13.0.88': {
    name: 'nvidia-cuda-nvrtc', version: '13.0.88', fileBytes: 90215200, cpu: null, cuda: [91252245, 227971854],
    file: 'nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575', record: 'yDbZjQ7rwQFxOnmo0oAvIt_os_kRhAPZh0cLwLWcngs',
  },
  'nvidia-cuda-runtime 13.0.96': {
    name: 'nvidia-cuda-runtime', version: '13.0.96', fileBytes: 2243632, cpu: [1622721, 763550], cuda: [1622721, 763550],
    file: 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548', record: 'NMemVlFZf9ijdrBJtpuybbOZqepEOnoULM009aEPecQ',
  },
  'nvidia-cudnn-cu13 9.19.0.56': {
    name: 'nvidia-cudnn-cu13', version: '9.19.0.56', fileBytes: 366066321, cpu: null, cuda: [367041196, 493428398],
    file: 'nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl',
    sha256: 'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf', record: '89cUB5j8zamft1hB_0HF3YjeS8a9W_-0kgDJt795HKg',
  },
  'nvidia-cufft 12.0.0.61': {
    name: 'nvidia-cufft', version: '12.0.0.61', fileBytes: 214085489, cpu: null, cuda: [215122151, 287593318],
    file: 'nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3', record: 'UNhqOcixaq7av4Ly5UQY7NAENUZ_R73MEvCLPwDF3LQ',
  },
  'nvidia-cufile 1.15.1.6': {
    name: 'nvidia-cufile', version: '1.15.1.6', fileBytes: 1223672, cpu: null, cuda: [2260902, 3273382],
    file: 'nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44', record: 'ceZKrUpcrJpWtzfXMsqkPA68NuTlrE9jtSP0WrUChdY',
  },
  'nvidia-curand 10.4.0.35': {
    name: 'nvidia-curand', version: '10.4.0.35', fileBytes: 59544258, cpu: null, cuda: [60098772, 132757590],
    file: 'nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc', record: 'pDQKt3jzCsKznpXdhEem15klKH0xJELBAtrG4hBdwCU',
  },
  'nvidia-cusolver 12.0.4.66': {
    name: 'nvidia-cusolver', version: '12.0.4.66', fileBytes: 200941980, cpu: null, cuda: [201965812, 245168974],
    file: 'nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112', record: 'KxMUMDZpgkf_rmaH4GRdG5A8721oUcBLw_RVNvkYy5I',
  },
  'nvidia-cusparse 12.6.3.3': {
    name: 'nvidia-cusparse', version: '12.6.3.3', fileBytes: 145942937, cpu: null, cuda: [146972581, 162624518],
    file: 'nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b', record: 'G8kFz81bJU0ipoZohM1ygNoXjiv3lx3P72XdbBHHLf0',
  },
  'nvidia-cusparselt-cu13 0.8.0': {
    name: 'nvidia-cusparselt-cu13', version: '0.8.0', fileBytes: 169884119, cpu: null, cuda: [170922721, 233613145],
    file: 'nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl',
    sha256: '25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd', record: 'QyeKP4RVUYlKnPE4Him3xbhFqh6uCxS7T4M4xHDAQv8',
  },
  'nvidia-nccl-cu13 2.28.9': {
    name: 'nvidia-nccl-cu13', version: '2.28.9', fileBytes: 196493177, cpu: null, cuda: [197469461, 217997791],
    file: 'nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl',
    sha256: 'e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42', record: 'NUgVMIlUsv1f_P4vwmTtYR7pGRLK26soYy0QQkmI9Ls',
  },
  'nvidia-nvjitlink 13.0.88': {
    name: 'nvidia-nvjitlink', version: '13.0.88', fileBytes: 40713933, cpu: null, cuda: [41758122, 98865998],
    file: 'nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: '13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b', record: 'jeq-k9lOlvIhgDZbzXxaOcMMQel9PNf5uzdc0UYO3fo',
  },
  'nvidia-nvshmem-cu13 3.4.5': {
    name: 'nvidia-nvshmem-cu13', version: '3.4.5', fileBytes: 60412546, cpu: null, cuda: [39992869, 45812358],
    file: 'nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80', record: 'tqqDkriAiDkeWxznVsqV0CA10lwm6gcPZXlLJMsJX9c',
  },
  'nvidia-nvtx 13.0.85': {
    name: 'nvidia-nvtx', version: '13.0.85', fileBytes: 148047, cpu: null, cuda: [167021, 52422],
    file: 'nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
    sha256: '4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4', record: 'KoyJIfCih5DB7zxvTH8u5ZcvlKOBixu-EtmQMK-3KmY',
  },
  'torch 2.14.1': {
    name: 'torch', version: '2.14.1', fileBytes: 554581699, cpu: [133618037, 489938782], cuda: [538188459, 1076098047],
    file: 'torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '305a61f61f35f128579f299c5bd33d475f6a01c6307336139632e30856c4854d', record: 'yeTx6YLnwBbTXayhwnjh6qoo-6T1RFtUSHwD5Ppvh0g',
  },
  'nvidia-cublas 13.1.1.3': {
    name: 'nvidia-cublas', version: '13.1.1.3', fileBytes: 423138758, cpu: null, cuda: [424136799, 596582630],
    file: 'nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436', record: 'tm_FXNag5Qmqyr36Nnwf7S4fxoNxMUdh06yumm15UPw',
  },
  'nvidia-cudnn-cu13 9.24.0.43': {
    name: 'nvidia-cudnn-cu13', version: '9.24.0.43', fileBytes: 553099438, cpu: null, cuda: [553969597, 965296622],
    file: 'nvidia_cudnn_cu13-9.24.0.43-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b', record: 'w7CUF_a37AF7Nre-LFLDEfWqodpdOVhiXncWNnaF8kE',
  },
  'nvidia-cusparselt-cu13 0.8.1': {
    name: 'nvidia-cusparselt-cu13', version: '0.8.1', fileBytes: 170148586, cpu: null, cuda: [171187192, 233912153],
    file: 'nvidia_cusparselt_cu13-0.8.1-py3-none-manylinux2014_x86_64.whl',
    sha256: '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0', record: '8vwB8Ph9l2_gX4wikMtTDmudHU11-sXb5NsqD-8baqs',
  },
  'nvidia-nccl-cu13 2.30.7': {
    name: 'nvidia-nccl-cu13', version: '2.30.7', fileBytes: 215965170, cpu: null, cuda: [216879415, 252206543],
    file: 'nvidia_nccl_cu13-2.30.7-py3-none-manylinux_2_18_x86_64.whl',
    sha256: 'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50', record: 'Zkeg-nMy1rQqJ7fPHowODTepyT8GsTTPeB2y8YhHlCQ',
  },
  'nvidia-nvjitlink 13.5.37': {
    name: 'nvidia-nvjitlink', version: '13.5.37', fileBytes: 46642491, cpu: null, cuda: [47686174, 117306726],
    file: 'nvidia_nvjitlink-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: '280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb', record: 'AnguvED67ayX1P0rArATEg-03X8Qk7cvJeq4BTk7_Nc',
  },
  'torch 2.15.0': {
    name: 'torch', version: '2.15.0', fileBytes: 539136850, cpu: [134000898, 492262571], cuda: [521552519, 1072271829],
    file: 'torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl',
    sha256: '48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e', record: '1HUi6tLyXSR3REdv3K6QdHeuYCypjcH7At6TH4adZr4',
  },
  'nvidia-cublas 13.4.1.3': {
    name: 'nvidia-cublas', version: '13.4.1.3', fileBytes: 404870805, cpu: null, cuda: [405868244, 563257062],
    file: 'nvidia_cublas-13.4.1.3-py3-none-manylinux_2_27_x86_64.whl',
    sha256: 'a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7', record: 'ShyRHR5kJDyn6ic_eBFS-hgf6memPOz6jIfW9r8GR7Y',
  },
  'nvidia-cuda-cupti 13.2.86': {
    name: 'nvidia-cuda-cupti', version: '13.2.86', fileBytes: 11988600, cpu: [3063907, 5971710], cuda: [12818636, 48115846],
    file: 'nvidia_cuda_cupti-13.2.86-py3-none-manylinux_2_25_x86_64.whl',
    sha256: '8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586', record: 'zZkkWs99J9BJNaI0WWckt12AzMacNmcLhjEFbdtp9Ek',
  },
  'nvidia-cuda-nvrtc 13.2.86': {
    name: 'nvidia-cuda-nvrtc', version: '13.2.86', fileBytes: 47018468, cpu: null, cuda: [48055514, 119834654],
    file: 'nvidia_cuda_nvrtc-13.2.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    sha256: '8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5', record: 'IzE5jXUVzEmRaoytSNiMlewZxJMPw2uB6_gzwAgpNoE',
  },
  'nvidia-cuda-runtime 13.2.86': {
    name: 'nvidia-cuda-runtime', version: '13.2.86', fileBytes: 2323576, cpu: [1675280, 833182], cuda: [1675280, 833182],
    file: 'nvidia_cuda_runtime-13.2.86-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0', record: 'eV1fCgExQgE-wRtojy6EC4ImygWMBaH8wsj8jFjBPqw',
  },
  'nvidia-cudnn-cu13 9.26.0.51': {
    name: 'nvidia-cudnn-cu13', version: '9.26.0.51', fileBytes: 519150073, cpu: null, cuda: [520007534, 887695286],
    file: 'nvidia_cudnn_cu13-9.26.0.51-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a', record: 'C80U5s7-Pv7fUHCCx10LYW055SYTg2VJo-TwZddkHyM',
  },
  'nvidia-cufft 12.2.0.57': {
    name: 'nvidia-cufft', version: '12.2.0.57', fileBytes: 218258101, cpu: null, cuda: [219292499, 291909230],
    file: 'nvidia_cufft-12.2.0.57-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '34da27fadf3979b0b042c43823f0530be8408b86df31ee0108e1ca0b621d4ef6', record: 'RrLFlFdZ8Mov6sSAvPh6kvyaCTH2T6N_txo6yibQvMI',
  },
  'nvidia-cufile 1.17.1.22': {
    name: 'nvidia-cufile', version: '1.17.1.22', fileBytes: 1387670, cpu: null, cuda: [2423318, 3918598],
    file: 'nvidia_cufile-1.17.1.22-py3-none-manylinux_2_27_x86_64.whl',
    sha256: '87feaf8c3ad20d3d03a01933181801ff6892bace5c8f0b1e4b48f319d3e62d36', record: 'A4NPCK6NUlMLROs-Pydo6lXDfnJQyytREcXSwlcJ1Ak',
  },
  'nvidia-cusolver 12.2.0.11': {
    name: 'nvidia-cusolver', version: '12.2.0.11', fileBytes: 227913465, cpu: null, cuda: [228936617, 276556974],
    file: 'nvidia_cusolver-12.2.0.11-py3-none-manylinux_2_27_x86_64.whl',
    sha256: 'fab5778f6769947389a1a6abc07e635576825a08c0ffc68c3ae7f1392c794b42', record: 'kYBl2AWBPDaARtEmM30kzwSSvuzTJcLWehdCQJD6pFg',
  },
  'nvidia-cusparse 12.7.10.12': {
    name: 'nvidia-cusparse', version: '12.7.10.12', fileBytes: 150999307, cpu: null, cuda: [152028636, 167590774],
    file: 'nvidia_cusparse-12.7.10.12-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: '25907c75e4db1581685f06f61cc6cdecc04611765516a52373e0a18ebd69fa00', record: 'mfMj3-8VbqZMRIVbGKfBWXy_b0TMImWPSA24G1Myj9g',
  },
  'nvidia-nvshmem-cu13 3.7.2': {
    name: 'nvidia-nvshmem-cu13', version: '3.7.2', fileBytes: 135397797, cpu: null, cuda: [44393681, 51722374],
    file: 'nvidia_nvshmem_cu13-3.7.2-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    sha256: 'b9a4f843c62b5dded8ad33fd6d220e007dcd39f06cee549292f5ba14ce4c235c', record: 'U3GSbb5SmG5WKf9j73n_IFJDF7ZO2q4N1eqI5_7KXhA',
  },
  'nvidia-nvtx 13.2.86': {
    name: 'nvidia-nvtx', version: '13.2.86', fileBytes: 153463, cpu: null, cuda: [172520, 52422],
    file: 'nvidia_nvtx-13.2.86-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl',
    sha256: '968ce72baee2a01791c7d3254000eac81f24677b0b91c62d21b449a1f309c245', record: 'ET7AnUkdAOZj0ZivDBP3qP9MGjlGDHxVi7gUQaomvOY',
  },
} satisfies Record<string, PinnedWheel>;

/** By series, the oldest first. */
export const PINNED: Readonly<Record<string, PinnedTorch>> = {
  '2.11': {
    version: '2.11.0',
    cuda: '13.0',
    wheels: [
      WHEELS['torch 2.11.0'],
      WHEELS['nvidia-cublas 13.1.0.3'],
      WHEELS['nvidia-cuda-cupti 13.0.85'],
      WHEELS['nvidia-cuda-nvrtc 13.0.88'],
      WHEELS['nvidia-cuda-runtime 13.0.96'],
      WHEELS['nvidia-cudnn-cu13 9.19.0.56'],
      WHEELS['nvidia-cufft 12.0.0.61'],
      WHEELS['nvidia-cufile 1.15.1.6'],
      WHEELS['nvidia-curand 10.4.0.35'],
      WHEELS['nvidia-cusolver 12.0.4.66'],
      WHEELS['nvidia-cusparse 12.6.3.3'],
      WHEELS['nvidia-cusparselt-cu13 0.8.0'],
      WHEELS['nvidia-nccl-cu13 2.28.9'],
      WHEELS['nvidia-nvjitlink 13.0.88'],
      WHEELS['nvidia-nvshmem-cu13 3.4.5'],
      WHEELS['nvidia-nvtx 13.0.85'],
    ],
  },
  '2.14': {
    version: '2.14.1',
    cuda: '13.0',
    wheels: [
      WHEELS['torch 2.14.1'],
      WHEELS['nvidia-cublas 13.1.1.3'],
      WHEELS['nvidia-cuda-cupti 13.0.85'],
      WHEELS['nvidia-cuda-nvrtc 13.0.88'],
      WHEELS['nvidia-cuda-runtime 13.0.96'],
      WHEELS['nvidia-cudnn-cu13 9.24.0.43'],
      WHEELS['nvidia-cufft 12.0.0.61'],
      WHEELS['nvidia-cufile 1.15.1.6'],
      WHEELS['nvidia-curand 10.4.0.35'],
      WHEELS['nvidia-cusolver 12.0.4.66'],
      WHEELS['nvidia-cusparse 12.6.3.3'],
      WHEELS['nvidia-cusparselt-cu13 0.8.1'],
      WHEELS['nvidia-nccl-cu13 2.30.7'],
      WHEELS['nvidia-nvjitlink 13.5.37'],
      WHEELS['nvidia-nvshmem-cu13 3.4.5'],
      WHEELS['nvidia-nvtx 13.0.85'],
    ],
  },
  '2.15': {
    version: '2.15.0',
    cuda: '13.2',
    wheels: [
      WHEELS['torch 2.15.0'],
      WHEELS['nvidia-cublas 13.4.1.3'],
      WHEELS['nvidia-cuda-cupti 13.2.86'],
      WHEELS['nvidia-cuda-nvrtc 13.2.86'],
      WHEELS['nvidia-cuda-runtime 13.2.86'],
      WHEELS['nvidia-cudnn-cu13 9.26.0.51'],
      WHEELS['nvidia-cufft 12.2.0.57'],
      WHEELS['nvidia-cufile 1.17.1.22'],
      WHEELS['nvidia-cusolver 12.2.0.11'],
      WHEELS['nvidia-cusparse 12.7.10.12'],
      WHEELS['nvidia-cusparselt-cu13 0.8.1'],
      WHEELS['nvidia-nccl-cu13 2.30.7'],
      WHEELS['nvidia-nvjitlink 13.5.37'],
      WHEELS['nvidia-nvshmem-cu13 3.7.2'],
      WHEELS['nvidia-nvtx 13.2.86'],
    ],
  },
};
