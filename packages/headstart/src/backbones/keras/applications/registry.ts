import { HeadstartError } from "../../../errors.js";
import type { RemoteFile } from "../../download/index.js";
import type { Preprocessing } from "../../preprocessing.js";

/**
 * What is published of a network of Keras's library (`keras.applications`): facts, and where its ImageNet
 * weights are.
 */
export interface KerasApplication {
  /** As Keras writes it: `ResNet50`. */
  readonly title: string;
  /** The published weights, with the classifier for ImageNet's 1,000 classes at the end and without. */
  readonly weights: { readonly top: RemoteFile; readonly noTop: RemoteFile };
  /** Parameters with the classifier and without, as Keras counts them (running statistics included). */
  readonly parameters: { readonly top: number; readonly noTop: number };
  /** Features of a photo, from the network without its top: the mean over the last feature map. */
  readonly features: number;
  /** Side of the square photos it was trained on, in pixels. */
  readonly imageSize: number;
  /** The smallest image size that it takes. */
  readonly minimumImageSize: number;
  /** How photos have to be prepared; nothing is left to do where the network does it itself. */
  readonly preprocessing: Preprocessing;
  /**
   * Share of ImageNet's validation photos that it gets right, in percent, as the table of
   * keras.io/api/applications says.
   */
  readonly top1: number;
  /** Licence of the weights; `not stated` where Keras's documentation does not say. */
  readonly licence: string;
  /** The page that describes it. */
  readonly source: string;
}

/** Facts that the networks of a family share. */
interface Family {
  /** The folder of the weights. */
  readonly folder: string;
  readonly preprocessing: Preprocessing;
  readonly minimumImageSize: number;
  readonly licence: string;
  /** Its page under keras.io/api/applications. */
  readonly page: string;
}

/**
 * Number of parameters, name of the weights file, and its checksum: MD5 (32 digits) or SHA-256 (64 digits).
 */
type Published = readonly [parameters: number, file: string, checksum: string];

interface Network {
  readonly title: string;
  readonly imageSize: number;
  readonly features: number;
  readonly top1: number;
  readonly top: Published;
  readonly noTop: Published;
}

// Keras's three ways of preparing photos, `caffe`, `tf` and `torch`, for values from 0 to 255
// (keras/src/applications/imagenet_utils.py), and none.
const CAFFE: Preprocessing = { channels: "BGR", mean: [103.939, 116.779, 123.68], std: [1, 1, 1] };
const TF: Preprocessing = { channels: "RGB", mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] };
const TORCH: Preprocessing = {
  channels: "RGB",
  mean: [123.675, 116.28, 103.53],
  std: [58.395, 57.12, 57.375],
};
const NONE: Preprocessing = { channels: "RGB", mean: [0, 0, 0], std: [1, 1, 1] };

const STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications/";

// Addresses and checksums are those in the sources of Keras 3.15 (keras/src/applications/*.py), except for
// the two MobileNets, for which Keras states no checksums: theirs are in the sources of MIA
// (github.com/MIAnalyzer/MIA), which lists the same files with their MD5. Licences are those that the
// documentation of Keras 2.3 (keras.io/applications, "License") states for the weights.
const RESNET: Family = {
  folder: `${STORAGE}resnet/`,
  preprocessing: CAFFE,
  minimumImageSize: 32,
  licence: "MIT",
  page: "resnet",
};
const RESNET_V2: Family = { ...RESNET, preprocessing: TF, licence: "BSD" };
const VGG16: Family = {
  folder: `${STORAGE}vgg16/`,
  preprocessing: CAFFE,
  minimumImageSize: 32,
  licence: "CC-BY-4.0",
  page: "vgg",
};
const VGG19: Family = { ...VGG16, folder: `${STORAGE}vgg19/` };
const MOBILENET: Family = {
  folder: `${STORAGE}mobilenet/`,
  preprocessing: TF,
  minimumImageSize: 32,
  licence: "Apache-2.0",
  page: "mobilenet",
};
const MOBILENET_V2: Family = { ...MOBILENET, folder: `${STORAGE}mobilenet_v2/` };
const INCEPTION: Family = {
  folder: `${STORAGE}inception_v3/`,
  preprocessing: TF,
  minimumImageSize: 75,
  licence: "Apache-2.0",
  page: "inceptionv3",
};
const XCEPTION: Family = {
  folder: `${STORAGE}xception/`,
  preprocessing: TF,
  minimumImageSize: 71,
  licence: "MIT",
  page: "xception",
};
const DENSENET: Family = {
  folder: `${STORAGE}densenet/`,
  preprocessing: TORCH,
  minimumImageSize: 32,
  licence: "BSD-3-Clause",
  page: "densenet",
};
const EFFICIENTNET: Family = {
  folder: "https://storage.googleapis.com/keras-applications/",
  preprocessing: NONE,
  minimumImageSize: 32,
  licence: "not stated",
  page: "efficientnet",
};
const EFFICIENTNET_V2: Family = {
  ...EFFICIENTNET,
  folder: `${STORAGE}efficientnet_v2/`,
  page: "efficientnet_v2",
};
const NASNET: Family = {
  folder: `${STORAGE}nasnet/`,
  preprocessing: TF,
  minimumImageSize: 32,
  licence: "Apache-2.0",
  page: "nasnet",
};
// Keras says that the weights were converted from those of github.com/facebookresearch/ConvNeXt, but not
// under which licence.
const CONVNEXT: Family = {
  folder: `${STORAGE}convnext/`,
  preprocessing: NONE,
  minimumImageSize: 32,
  licence: "not stated",
  page: "convnext",
};

/** Networks of Keras's library by name: Keras's own, in lower case. */
export const KERAS_APPLICATIONS: Readonly<Record<string, KerasApplication>> = {
  resnet50: network(RESNET, {
    title: "ResNet50",
    imageSize: 224,
    features: 2048,
    top1: 74.9,
    top: [25_636_712, "resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"],
    noTop: [
      23_587_712,
      "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "4d473c1dd8becc155b73f8504c6f6626",
    ],
  }),
  resnet101: network(RESNET, {
    title: "ResNet101",
    imageSize: 224,
    features: 2048,
    top1: 76.4,
    top: [44_707_176, "resnet101_weights_tf_dim_ordering_tf_kernels.h5", "f1aeb4b969a6efcfb50fad2f0c20cfc5"],
    noTop: [
      42_658_176,
      "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "88cf7a10940856eca736dc7b7e228a21",
    ],
  }),
  resnet152: network(RESNET, {
    title: "ResNet152",
    imageSize: 224,
    features: 2048,
    top1: 76.6,
    top: [60_419_944, "resnet152_weights_tf_dim_ordering_tf_kernels.h5", "100835be76be38e30d865e96f2aaae62"],
    noTop: [
      58_370_944,
      "resnet152_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "ee4c566cf9a93f14d82f913c2dc6dd0c",
    ],
  }),
  resnet50v2: network(RESNET_V2, {
    title: "ResNet50V2",
    imageSize: 224,
    features: 2048,
    top1: 76.0,
    top: [25_613_800, "resnet50v2_weights_tf_dim_ordering_tf_kernels.h5", "3ef43a0b657b3be2300d5770ece849e0"],
    noTop: [
      23_564_800,
      "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "fac2f116257151a9d068a22e544a4917",
    ],
  }),
  resnet101v2: network(RESNET_V2, {
    title: "ResNet101V2",
    imageSize: 224,
    features: 2048,
    top1: 77.2,
    top: [
      44_675_560,
      "resnet101v2_weights_tf_dim_ordering_tf_kernels.h5",
      "6343647c601c52e1368623803854d971",
    ],
    noTop: [
      42_626_560,
      "resnet101v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "c0ed64b8031c3730f411d2eb4eea35b5",
    ],
  }),
  resnet152v2: network(RESNET_V2, {
    title: "ResNet152V2",
    imageSize: 224,
    features: 2048,
    top1: 78.0,
    top: [
      60_380_648,
      "resnet152v2_weights_tf_dim_ordering_tf_kernels.h5",
      "a49b44d1979771252814e80f8ec446f9",
    ],
    noTop: [
      58_331_648,
      "resnet152v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "ed17cf2e0169df9d443503ef94b23b33",
    ],
  }),
  vgg16: network(VGG16, {
    title: "VGG16",
    imageSize: 224,
    features: 512,
    top1: 71.3,
    top: [138_357_544, "vgg16_weights_tf_dim_ordering_tf_kernels.h5", "64373286793e3c8b2b4e3219cbf3544b"],
    noTop: [
      14_714_688,
      "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "6d6bbae143d832006294945121d1f1fc",
    ],
  }),
  vgg19: network(VGG19, {
    title: "VGG19",
    imageSize: 224,
    features: 512,
    top1: 71.3,
    top: [143_667_240, "vgg19_weights_tf_dim_ordering_tf_kernels.h5", "cbe5617147190e668d6c5d5026f83318"],
    noTop: [
      20_024_384,
      "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "253f8cb515780f3b799900260a226db6",
    ],
  }),
  mobilenet: network(MOBILENET, {
    title: "MobileNet",
    imageSize: 224,
    features: 1024,
    top1: 70.4,
    top: [4_253_864, "mobilenet_1_0_224_tf.h5", "03394917f9a9ea3362f46332a5b6a215"],
    noTop: [3_228_864, "mobilenet_1_0_224_tf_no_top.h5", "725ccbd03d61d7ced5b5c4cd17e7d527"],
  }),
  mobilenetv2: network(MOBILENET_V2, {
    title: "MobileNetV2",
    imageSize: 224,
    features: 1280,
    top1: 71.3,
    top: [
      3_538_984,
      "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
      "321911b381f6fd09b744356f6796ee18",
    ],
    noTop: [
      2_257_984,
      "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
      "f1a68526548f7541cda07e19ba6c85f4",
    ],
  }),
  inceptionv3: network(INCEPTION, {
    title: "InceptionV3",
    imageSize: 299,
    features: 2048,
    top1: 77.9,
    top: [
      23_851_784,
      "inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
      "9a0d58056eeedaa3f26cb7ebd46da564",
    ],
    noTop: [
      21_802_784,
      "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "bcbd6486424b2319ff4ef7d526e38f63",
    ],
  }),
  xception: network(XCEPTION, {
    title: "Xception",
    imageSize: 299,
    features: 2048,
    top1: 79.0,
    top: [22_910_480, "xception_weights_tf_dim_ordering_tf_kernels.h5", "0a58e3b7378bc2990ea3b43d5981f1f6"],
    noTop: [
      20_861_480,
      "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "b0042744bf5b25fce3cb969f33bebb97",
    ],
  }),
  densenet121: network(DENSENET, {
    title: "DenseNet121",
    imageSize: 224,
    features: 1024,
    top1: 75.0,
    top: [8_062_504, "densenet121_weights_tf_dim_ordering_tf_kernels.h5", "9d60b8095a5708f2dcce2bca79d332c7"],
    noTop: [
      7_037_504,
      "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "30ee3e1110167f948a6b9946edeeb738",
    ],
  }),
  densenet169: network(DENSENET, {
    title: "DenseNet169",
    imageSize: 224,
    features: 1664,
    top1: 76.2,
    top: [
      14_307_880,
      "densenet169_weights_tf_dim_ordering_tf_kernels.h5",
      "d699b8f76981ab1b30698df4c175e90b",
    ],
    noTop: [
      12_642_880,
      "densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "b8c4d4c20dd625c148057b9ff1c1176b",
    ],
  }),
  densenet201: network(DENSENET, {
    title: "DenseNet201",
    imageSize: 224,
    features: 1920,
    top1: 77.3,
    top: [
      20_242_984,
      "densenet201_weights_tf_dim_ordering_tf_kernels.h5",
      "1ceb130c1ea1b78c3bf6114dbdfd8807",
    ],
    noTop: [
      18_321_984,
      "densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
      "c13680b51ded0fb44dff2d8f86ac8bb1",
    ],
  }),
  efficientnetb0: network(EFFICIENTNET, {
    title: "EfficientNetB0",
    imageSize: 224,
    features: 1280,
    top1: 77.1,
    top: [5_330_571, "efficientnetb0.h5", "902e53a9f72be733fc0bcb005b3ebbac"],
    noTop: [4_049_571, "efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d"],
  }),
  efficientnetb1: network(EFFICIENTNET, {
    title: "EfficientNetB1",
    imageSize: 240,
    features: 1280,
    top1: 79.1,
    top: [7_856_239, "efficientnetb1.h5", "1d254153d4ab51201f1646940f018540"],
    noTop: [6_575_239, "efficientnetb1_notop.h5", "74c4e6b3e1f6a1eea24c589628592432"],
  }),
  efficientnetb2: network(EFFICIENTNET, {
    title: "EfficientNetB2",
    imageSize: 260,
    features: 1408,
    top1: 80.1,
    top: [9_177_569, "efficientnetb2.h5", "b15cce36ff4dcbd00b6dd88e7857a6ad"],
    noTop: [7_768_569, "efficientnetb2_notop.h5", "111f8e2ac8aa800a7a99e3239f7bfb39"],
  }),
  efficientnetb3: network(EFFICIENTNET, {
    title: "EfficientNetB3",
    imageSize: 300,
    features: 1536,
    top1: 81.6,
    top: [12_320_535, "efficientnetb3.h5", "ffd1fdc53d0ce67064dc6a9c7960ede0"],
    noTop: [10_783_535, "efficientnetb3_notop.h5", "af6d107764bb5b1abb91932881670226"],
  }),
  efficientnetb4: network(EFFICIENTNET, {
    title: "EfficientNetB4",
    imageSize: 380,
    features: 1792,
    top1: 82.9,
    top: [19_466_823, "efficientnetb4.h5", "18c95ad55216b8f92d7e70b3a046e2fc"],
    noTop: [17_673_823, "efficientnetb4_notop.h5", "ebc24e6d6c33eaebbd558eafbeedf1ba"],
  }),
  efficientnetb5: network(EFFICIENTNET, {
    title: "EfficientNetB5",
    imageSize: 456,
    features: 2048,
    top1: 83.6,
    top: [30_562_527, "efficientnetb5.h5", "ace28f2a6363774853a83a0b21b9421a"],
    noTop: [28_513_527, "efficientnetb5_notop.h5", "38879255a25d3c92d5e44e04ae6cec6f"],
  }),
  efficientnetb6: network(EFFICIENTNET, {
    title: "EfficientNetB6",
    imageSize: 528,
    features: 2304,
    top1: 84.0,
    top: [43_265_143, "efficientnetb6.h5", "165f6e37dce68623721b423839de8be5"],
    noTop: [40_960_143, "efficientnetb6_notop.h5", "9ecce42647a20130c1f39a5d4cb75743"],
  }),
  efficientnetb7: network(EFFICIENTNET, {
    title: "EfficientNetB7",
    imageSize: 600,
    features: 2560,
    top1: 84.3,
    top: [66_658_687, "efficientnetb7.h5", "8c03f828fec3ef71311cd463b6759d99"],
    noTop: [64_097_687, "efficientnetb7_notop.h5", "cbcfe4450ddf6f3ad90b1b398090fe4a"],
  }),
  efficientnetv2b0: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2B0",
    imageSize: 224,
    features: 1280,
    top1: 78.7,
    top: [7_200_312, "efficientnetv2-b0.h5", "21ecbf6da12460d5c40bb2f29ceb2188"],
    noTop: [5_919_312, "efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff"],
  }),
  efficientnetv2b1: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2B1",
    imageSize: 240,
    features: 1280,
    top1: 79.8,
    top: [8_212_124, "efficientnetv2-b1.h5", "069f0534ff22adf035c89e2d9547a9dc"],
    noTop: [6_931_124, "efficientnetv2-b1_notop.h5", "0e80663031ca32d657f9caa404b6ec37"],
  }),
  efficientnetv2b2: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2B2",
    imageSize: 260,
    features: 1408,
    top1: 80.5,
    top: [10_178_374, "efficientnetv2-b2.h5", "424e49f28180edbde1e94797771950a7"],
    noTop: [8_769_374, "efficientnetv2-b2_notop.h5", "1dfe2e7a5d45b6632553a8961ea609eb"],
  }),
  efficientnetv2b3: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2B3",
    imageSize: 300,
    features: 1536,
    top1: 82.0,
    top: [14_467_622, "efficientnetv2-b3.h5", "1f1fc43bd98a6e4fd8fdfd551e02c7a0"],
    noTop: [12_930_622, "efficientnetv2-b3_notop.h5", "f6abf7b5849ac99a89b50dd3fd532856"],
  }),
  efficientnetv2s: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2S",
    imageSize: 384,
    features: 1280,
    top1: 83.9,
    top: [21_612_360, "efficientnetv2-s.h5", "e1d88a8495beba45748fedd0cecbe016"],
    noTop: [20_331_360, "efficientnetv2-s_notop.h5", "af0682fb74e8c54910f2d4393339c070"],
  }),
  efficientnetv2m: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2M",
    imageSize: 480,
    features: 1280,
    top1: 85.3,
    top: [54_431_388, "efficientnetv2-m.h5", "a3bf6aa3276309f4fc6a34aa114c95cd"],
    noTop: [53_150_388, "efficientnetv2-m_notop.h5", "1b8dc055df72dde80d614482840fe342"],
  }),
  efficientnetv2l: network(EFFICIENTNET_V2, {
    title: "EfficientNetV2L",
    imageSize: 480,
    features: 1280,
    top1: 85.7,
    top: [119_027_848, "efficientnetv2-l.h5", "27e6d408b53c7ebc868fefa357689935"],
    noTop: [117_746_848, "efficientnetv2-l_notop.h5", "b0b66b5c863aef5b46e8608fe1711615"],
  }),
  nasnetmobile: network(NASNET, {
    title: "NASNetMobile",
    imageSize: 224,
    features: 1056,
    top1: 74.4,
    top: [5_326_716, "NASNet-mobile.h5", "020fb642bf7360b370c678b08e0adf61"],
    noTop: [4_269_716, "NASNet-mobile-no-top.h5", "1ed92395b5b598bdda52abe5c0dbfd63"],
  }),
  nasnetlarge: network(NASNET, {
    title: "NASNetLarge",
    imageSize: 331,
    features: 4032,
    top1: 82.5,
    top: [88_949_818, "NASNet-large.h5", "11577c9a518f0070763c2b964a382f17"],
    noTop: [84_916_818, "NASNet-large-no-top.h5", "d81d89dc07e6e56530c4e77faddd61b5"],
  }),
  convnexttiny: network(CONVNEXT, {
    title: "ConvNeXtTiny",
    imageSize: 224,
    features: 768,
    top1: 81.3,
    top: [28_589_128, "convnext_tiny.h5", "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"],
    noTop: [
      27_820_128,
      "convnext_tiny_notop.h5",
      "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ],
  }),
  convnextsmall: network(CONVNEXT, {
    title: "ConvNeXtSmall",
    imageSize: 224,
    features: 768,
    top1: 82.3,
    top: [
      50_223_688,
      "convnext_small.h5",
      "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
    ],
    noTop: [
      49_454_688,
      "convnext_small_notop.h5",
      "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ],
  }),
  convnextbase: network(CONVNEXT, {
    title: "ConvNeXtBase",
    imageSize: 224,
    features: 1024,
    top1: 85.3,
    top: [88_591_464, "convnext_base.h5", "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6"],
    noTop: [
      87_566_464,
      "convnext_base_notop.h5",
      "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ],
  }),
  convnextlarge: network(CONVNEXT, {
    title: "ConvNeXtLarge",
    imageSize: 224,
    features: 1536,
    top1: 86.3,
    top: [
      197_767_336,
      "convnext_large.h5",
      "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
    ],
    noTop: [
      196_230_336,
      "convnext_large_notop.h5",
      "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ],
  }),
  convnextxlarge: network(CONVNEXT, {
    title: "ConvNeXtXLarge",
    imageSize: 224,
    features: 2048,
    top1: 86.7,
    top: [
      350_196_968,
      "convnext_xlarge.h5",
      "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
    ],
    noTop: [
      348_147_968,
      "convnext_xlarge_notop.h5",
      "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ],
  }),
};

function network(
  family: Family,
  { title, imageSize, features, top1, top, noTop }: Network,
): KerasApplication {
  const { folder, preprocessing, minimumImageSize, licence, page } = family;
  return {
    title,
    weights: { top: remoteFile(folder, top), noTop: remoteFile(folder, noTop) },
    parameters: { top: top[0], noTop: noTop[0] },
    features,
    imageSize,
    minimumImageSize,
    preprocessing,
    top1,
    licence,
    source: `https://keras.io/api/applications/${page}/`,
  };
}

function remoteFile(folder: string, [, file, digest]: Published): RemoteFile {
  const algorithm = digest.length === 32 ? "md5" : "sha256";
  return { url: folder + file, path: `keras/${file}`, checksum: { algorithm, digest } };
}

/**
 * The network of a name.
 *
 * @throws HeadstartError `INVALID_OPTION` if there is none
 */
export function applicationNamed(name: string): KerasApplication {
  const application = Object.hasOwn(KERAS_APPLICATIONS, name) ? KERAS_APPLICATIONS[name] : undefined;
  if (application !== undefined) return application;
  throw new HeadstartError(
    "INVALID_OPTION",
    `Keras has no network "${name}" whose weights are published, or Headstart does not know it.`,
    `Known are ${Object.keys(KERAS_APPLICATIONS).join(", ")}.`,
  );
}
